package metrics

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// Field tags of the wire form that are written byte by byte.
const (
	seriesTagField = 3<<3 | 2 // MetricSeries.tags
	sketchTagField = 4<<3 | 2 // Sketch.tags
)

// Tags that a series gives up: the first becomes its device resource, the second, as <type>:<name>, another resource.
// A sketch has no resources and keeps both as tags.
var (
	devicePrefix   = []byte("device:")
	resourcePrefix = []byte("dd.internal.resource:")
)

// tagSet is a list of tags in the wire form, ready to be copied into any number of series and sketches.
type tagSet struct {
	all    []byte   // MetricSeries.tags fields, in order
	hash   seriesID // sum over the tags, kept only when key is set
	key    *hashKey // nil: nobody asks for hash
	giveUp bool     // all holds a tag that a series gives up

	// Filled by split, for series of a set with giveUp.
	kept      []byte // all without those tags
	device    []byte // the last device name, not kept
	hasDevice bool
	resources []byte // MetricSeries.resources fields of the others
}

func (t *tagSet) reset(key *hashKey) {
	t.all, t.hash, t.key, t.giveUp, t.hasDevice = t.all[:0], seriesID{}, key, false, false
}

// add appends the tag key:value.
func (t *tagSet) add(key, value string) {
	at := t.open(key)
	t.all = append(t.all, value...)
	t.close(at)
}

// addOrNA appends the tag key:value, or key:n/a for an empty value.
func (t *tagSet) addOrNA(key, value string) {
	if value == "" {
		value = "n/a"
	}
	t.add(key, value)
}

// addAttribute appends the tag of an attribute: its value as text, n/a for an empty one.
func (t *tagSet) addAttribute(key string, v pcommon.Value) {
	at := t.open(key)
	if v.Type() == pcommon.ValueTypeStr {
		t.all = append(t.all, v.Str()...)
	} else {
		t.all = attributes.AppendValue(t.all, v)
	}
	if len(t.all) == at+len(key)+1 {
		t.all = append(t.all, "n/a"...)
	}
	t.close(at)
}

// addNumber appends a tag such as quantile:0.5.
func (t *tagSet) addNumber(key string, f float64) {
	at := t.open(key)
	t.all = appendNumberText(t.all, f)
	t.close(at)
}

// open begins a tag and returns where its text starts. The length in front of it takes one byte until close knows better.
func (t *tagSet) open(key string) (at int) {
	t.all = append(t.all, seriesTagField, 0)
	at = len(t.all)
	t.all = append(t.all, key...)
	t.all = append(t.all, ':')
	return at
}

// close ends the tag that starts at at. Text that is not UTF-8 is repaired: a strict decoder refuses a whole payload for it.
func (t *tagSet) close(at int) {
	text := t.all[at:]
	if !utf8.Valid(text) {
		t.all = append(t.all[:at], bytes.ToValidUTF8(text, []byte("\ufffd"))...)
		text = t.all[at:]
	}
	if text[0] == 'd' && (bytes.HasPrefix(text, devicePrefix) || bytes.HasPrefix(text, resourcePrefix)) {
		t.giveUp = true
	}
	if t.key != nil {
		t.hash = t.hash.plus(t.key.sum(partTag, text))
	}
	n := len(text)
	if n < 0x80 {
		t.all[at-1] = byte(n)
		return
	}
	var length [10]byte
	t.all = slices.Replace(t.all, at-1, at, protowire.AppendVarint(length[:0], uint64(n))...)
}

// split sorts out the tags that a series gives up. A tag without both a type and a name of the resource is lost, as is a
// device without name.
func (t *tagSet) split() {
	t.kept, t.resources = t.kept[:0], t.resources[:0]
	for rest := t.all; len(rest) > 0; {
		text, n := protowire.ConsumeBytes(rest[1:])
		field := rest[:1+n]
		rest = rest[1+n:]
		if name, ok := bytes.CutPrefix(text, devicePrefix); ok {
			t.device, t.hasDevice = name, true
		} else if resource, ok := bytes.CutPrefix(text, resourcePrefix); ok {
			kind, name, _ := bytes.Cut(resource, []byte(":"))
			if len(kind) > 0 && len(name) > 0 {
				t.resources = appendResource(t.resources, kind, name)
			}
		} else {
			t.kept = append(t.kept, field...)
		}
	}
}

// appendResource appends one element of MetricSeries.resources.
//
//	message Resource { string type = 1; string name = 2; }
func appendResource[K, N string | []byte](dst []byte, kind K, name N) []byte {
	size := 1 + protowire.SizeBytes(len(kind)) + 1 + protowire.SizeBytes(len(name))
	dst = append(dst, 1<<3|2)
	dst = protowire.AppendVarint(dst, uint64(size))
	dst = append(dst, 1<<3|2)
	dst = protowire.AppendVarint(dst, uint64(len(kind)))
	dst = append(dst, kind...)
	dst = append(dst, 2<<3|2)
	dst = protowire.AppendVarint(dst, uint64(len(name)))
	return append(dst, name...)
}

// retag turns MetricSeries.tags fields into Sketch.tags fields, in place.
func retag(tags []byte) {
	for i := 0; i < len(tags); {
		tags[i] = sketchTagField
		n := int(tags[i+1])
		if n < 0x80 {
			i += 2 + n
			continue
		}
		length, size := protowire.ConsumeVarint(tags[i+1:])
		i += 1 + size + int(length)
	}
}
