package hostmetadata

import "unicode/utf8"

// Limits of what is kept of a host. Datadog states none for this intake, but for tags: https://docs.datadoghq.com/getting_started/tagging/.
const (
	maxHostBytes  = 255
	maxValueBytes = 1000 // a longer value is left out: half a cloud resource id is a wrong one
	maxAliases    = 20
	maxTags       = 100
	maxTag        = 200 // characters
)

// The marks of what was cut, of characters that Datadog keeps in a tag.
const (
	cutTagMark  = "...truncated"
	tagsCutMark = "tags_truncated:true"
)

// cutTag shortens a tag to maxTag characters, the mark included.
func cutTag(tag string) string {
	if len(tag) <= maxTag || utf8.RuneCountInString(tag) <= maxTag {
		return tag
	}
	n := 0
	for at := range tag {
		if n == maxTag-len(cutTagMark) {
			return tag[:at] + cutTagMark
		}
		n++
	}
	return tag
}
