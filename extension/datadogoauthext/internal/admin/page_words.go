package admin

import (
	"strconv"
	"strings"
	"time"
)

// age is how long since is ago, in the largest unit that says enough, such as "4 min"; empty for a zero time.
func age(now, since time.Time) string {
	if since.IsZero() {
		return ""
	}
	return span(max(now.Sub(since), 0))
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}

// ago is an age in a sentence, or never.
func ago(now, since time.Time, never string) string {
	if since.IsZero() {
		return never
	}
	return age(now, since) + " ago"
}

// count writes a number with a comma at each thousand.
func count[N int | int64 | uint32 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(d)
	}
	return out.String()
}

func plural[N int | int64](n N, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return count(n) + " " + unit + "s"
}

// moment writes a time, in UTC as every time of the pages, or nothing for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
