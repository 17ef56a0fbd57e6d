package hostmetadata

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// record is what is known of one host. One that is staged or committed is not changed any more.
type record struct {
	value [numFields]string
	has   [numFields]bool
	// tags are sorted, each once. aliases are in the order of the resource.
	tags, aliases []string
}

// read adds what the attributes of a resource say. Strings are copied. Of several attributes with one key the first counts, but each is a tag.
func (r *record) read(attrs pcommon.Map) {
	var seen [numFields]bool
	var hostID, hostName pcommon.Value
	var tags []string
	var aws, providerSeen, aliasesSeen bool
	for key, v := range attrs.All() {
		if tag, ok := tagKey(key); ok && v.Type() == pcommon.ValueTypeStr && (v.Str() != "" || !strings.HasPrefix(key, ownTag)) {
			tags = append(tags, cutTag(tag+":"+v.Str()))
		}
		if f := textField(key); f != noField {
			if !seen[f] {
				seen[f] = true
				r.setText(f, v)
			}
			continue
		}
		switch key {
		case "cloud.provider":
			aws, providerSeen = aws || !providerSeen && v.Str() == "aws", true
		case "host.id":
			first(&hostID, v)
		case "host.name":
			first(&hostName, v)
		case "host.mac":
			if list := textsOf(v); len(list) > 0 && !seen[fieldMAC] {
				// Semantic conventions write AA-BB-…, Datadog aa:bb:….
				r.set(fieldMAC, strings.ToLower(strings.ReplaceAll(list[0], "-", ":")))
			}
			seen[fieldMAC] = true
		case "host.ip":
			if !seen[fieldIPv4] {
				r.setAddresses(textsOf(v))
			}
			seen[fieldIPv4] = true
		case "datadog.host.aliases":
			if !aliasesSeen && v.Type() == pcommon.ValueTypeSlice {
				r.setAliases(v.Slice())
			}
			aliasesSeen = true
		}
	}
	if aws {
		r.setText(fieldInstanceID, hostID)
		r.setText(fieldEC2Hostname, hostName)
	}
	if len(tags) > 0 {
		slices.Sort(tags)
		r.tags = bounded(slices.Compact(tags))
	}
}

// bounded leaves of too many tags the first ones, and one that says so.
func bounded(tags []string) []string {
	if len(tags) <= maxTags {
		return tags
	}
	return append(tags[:maxTags-1:maxTags-1], tagsCutMark)
}

// first keeps the first of several values of a key. The zero Value is one that is not there.
func first(to *pcommon.Value, v pcommon.Value) {
	if *to == (pcommon.Value{}) {
		*to = v
	}
}

func (r *record) setText(f field, v pcommon.Value) {
	if v == (pcommon.Value{}) {
		return
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		r.set(f, v.Str())
	case pcommon.ValueTypeInt:
		r.set(f, strconv.FormatInt(v.Int(), 10))
	}
}

func (r *record) set(f field, text string) {
	if len(text) <= maxValueBytes {
		r.value[f], r.has[f] = strings.Clone(text), true
	}
}

// setAddresses takes the first IPv4 and the first IPv6 address.
func (r *record) setAddresses(list []string) {
	var four, six bool
	for _, ip := range list {
		switch isSix := strings.Count(ip, ":") >= 2; {
		case isSix && !six:
			r.set(fieldIPv6, ip)
			six = true
		case !isSix && !four:
			r.set(fieldIPv4, ip)
			four = true
		}
	}
}

func (r *record) setAliases(list pcommon.Slice) {
	r.aliases = nil
	for _, v := range list.All() {
		if name := v.Str(); v.Type() == pcommon.ValueTypeStr && len(name) <= maxHostBytes && len(r.aliases) < maxAliases {
			r.aliases = append(r.aliases, strings.Clone(name))
		}
	}
}

// textsOf are the elements of a list of texts, none if one of them is none.
func textsOf(v pcommon.Value) []string {
	if v.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	var all []string
	for _, e := range v.Slice().All() {
		if e.Type() != pcommon.ValueTypeStr {
			return nil
		}
		all = append(all, e.Str())
	}
	return all
}

// differs tells whether o is worth a report of its own. The clock rate goes up and down all the time.
func (r *record) differs(o *record) bool {
	a, b := r.value, o.value
	a[fieldCPUMHz], b[fieldCPUMHz] = "", ""
	return a != b || r.has != o.has || !slices.Equal(r.tags, o.tags) || !slices.Equal(r.aliases, o.aliases)
}

// bytes is about how much memory the record of a host takes.
func (r *record) bytes(host string) int {
	const fixed, header = 700, 16
	n := fixed + len(host)
	for i := range r.value {
		n += len(r.value[i])
	}
	for _, list := range [...][]string{r.tags, r.aliases} {
		for _, s := range list {
			n += len(s) + header
		}
	}
	return n
}
