package hostmetadata

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// appendReport appends the JSON object of one host.
func (h *Hosts) appendReport(dst []byte, host string, r *record) []byte {
	dst = append(dst, `{"meta":{`...)
	for _, m := range metaMembers {
		if r.value[m.of] != "" {
			dst = appendMember(dst, m.name, r.value[m.of])
		}
	}
	if len(r.aliases) > 0 {
		dst = append(appendList(append(dst, `"host_aliases":`...), r.aliases), ',')
	}
	dst = append(dst, `"hostname":`...)
	dst = attributes.AppendJSONString(dst, host)
	dst = append(dst, `},`...)
	dst = appendMember(dst, `"internalHostname":`, host)
	dst = appendMember(dst, `"otel_version":`, h.opts.Version)
	dst = appendMember(dst, `"agent-flavor":`, h.opts.Flavor)
	dst = append(dst, `"host-tags":{`...)
	tags := r.tags
	if len(h.opts.Tags) > 0 {
		tags = slices.Concat(tags, h.opts.Tags)
		slices.Sort(tags)
		tags = slices.Compact(tags)
	}
	if len(tags) > 0 {
		dst = appendList(append(dst, `"otel":`...), tags)
	}
	dst = append(dst, `},"gohai":`...)
	dst = attributes.AppendJSONString(dst, appendGohai(nil, host, r))
	return append(dst, '}')
}

// appendGohai appends the object that goes into a string. Parts of which nothing is known are empty, as in Datadog's own.
func appendGohai(dst []byte, host string, r *record) []byte {
	dst = append(dst, `{"cpu":{`...)
	dst = appendMembers(dst, cpuMembers, r)
	dst = append(dst, `},"filesystem":[],"memory":{},"network":{`...)
	dst = appendMembers(dst, networkMembers, r)
	dst = append(dst, `},"platform":{`...)
	dst = appendMember(dst, `"hostname":`, host)
	dst = appendMembers(dst, platformMembers, r)
	return append(dst, `}}`...)
}

// appendMembers appends what is known, without a comma at the end.
func appendMembers(dst []byte, members []member, r *record) []byte {
	for _, m := range members {
		if r.has[m.of] {
			dst = appendMember(dst, m.name, r.value[m.of])
		}
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendMember(dst []byte, name, value string) []byte {
	return append(attributes.AppendJSONString(append(dst, name...), value), ',')
}

func appendList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = attributes.AppendJSONString(dst, s)
	}
	return append(dst, ']')
}
