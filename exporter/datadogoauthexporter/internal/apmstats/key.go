package apmstats

import "encoding/binary"

// The key of a payload and the key of a group within it, as bytes: texts with their lengths as uvarints in front (those of peer
// tags as four bytes), and numbers as uvarints. Two keys are equal when their bytes are. A key holds all that is sent of it, so nothing else is kept of a span.
//
//	payload: env, hostname, version, container id, git commit sha, language, base service
//	group:   flags, HTTP status, service, name, resource, type, span kind, gRPC status, service source, peer tags to the end

// The flags of a group.
const (
	flagSynthetics = 1 << iota
	flagTraceRoot
	flagNoTrace // the overflow group: its spans are no part of any trace
)

func appendPayloadKey(dst []byte, c *Chunk, agentHost string) []byte {
	env, hostname := c.Env, c.Hostname
	if env == "" {
		env = noEnv
	}
	if hostname == "" {
		hostname = agentHost
	}
	for _, text := range [...]string{env, hostname, c.Version, c.ContainerID, c.GitCommitSha, c.Lang, c.BaseService} {
		dst = appendText(dst, text)
	}
	return dst
}

func appendGroupKey(dst []byte, s *Span, kind string, synthetics bool) []byte {
	var flags byte
	if synthetics {
		flags |= flagSynthetics
	}
	if s.TraceRoot {
		flags |= flagTraceRoot
	}
	dst = append(dst, flags)
	status := uint64(0)
	if s.HTTPStatus > 0 && s.HTTPStatus <= 1<<32-1 {
		status = uint64(s.HTTPStatus)
	}
	dst = binary.AppendUvarint(dst, status)
	for _, text := range [...]string{s.Service, s.Name, s.Resource, s.Type, s.Kind, grpcCode(s.GRPCStatus), s.ServiceSource} {
		dst = appendText(dst, text)
	}
	for _, tag := range s.peerTags(kind) {
		dst = appendPeerTag(dst, tag)
	}
	return dst
}

// appendPeerTag appends "key:value". Its length is written as 4 bytes, since it is known once the value is there.
func appendPeerTag(dst []byte, tag Tag) []byte {
	dst = append(dst, 0, 0, 0, 0)
	from := len(dst)
	dst = append(append(dst, tag.Key...), ':')
	dst = appendPeer(dst, tag.Value)
	binary.LittleEndian.PutUint32(dst[from-4:], uint32(len(dst)-from))
	return dst
}

// overflowKey is the key of the group that counts what has no group of its own.
var overflowKey = func() []byte {
	dst := binary.AppendUvarint([]byte{flagNoTrace}, 0)
	for _, text := range [...]string{Overflow, Overflow, Overflow, "", "", "", ""} {
		dst = appendText(dst, text)
	}
	return dst
}()

// Overflow is the service, name and resource of an overflow group.
const Overflow = "stats_overflow"

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// keyReader takes a key apart. Keys are written here only, so they are well formed.
type keyReader []byte

func (k *keyReader) number() uint64 {
	v, n := binary.Uvarint(*k)
	*k = (*k)[n:]
	return v
}

func (k *keyReader) text() []byte {
	n := k.number()
	text := (*k)[:n]
	*k = (*k)[n:]
	return text
}

// peerTag is text whose length is written as 4 bytes.
func (k *keyReader) peerTag() []byte {
	n := binary.LittleEndian.Uint32(*k)
	text := (*k)[4 : 4+n]
	*k = (*k)[4+n:]
	return text
}
