package proc

import (
	"regexp"
	"strings"
)

// headers begin the stacks that a Go program writes when it gets SIGQUIT, one for each goroutine.
var headers = regexp.MustCompile(`(?m)^goroutine [1-9][0-9]* .*\[`)

// GoroutinesOfDump counts the goroutines in what a Go program wrote when it got SIGQUIT, which ends it. Those of the runtime itself are not in it.
func GoroutinesOfDump(text string) int { return len(headers.FindAllString(text, -1)) }

// Trace is the environment variable that has a Go program write all its goroutines, so many milliseconds one after another, to its standard error.
const Trace = "GODEBUG=scheddetail=1,schedtrace="

// GoroutinesOfTrace counts the goroutines that live, in each of the lists that a program with Trace wrote, oldest first. A list that is not
// finished is left out. Goroutines of the runtime itself are in it, about ten.
//
//	SCHED 1009ms: gomaxprocs=2 …
//	  G1: status=4(chan receive) m=nil lockedm=nil
//
// https://pkg.go.dev/runtime#hdr-Environment_Variables; the states are those of runtime2.go: 0 idle, 6 dead.
func GoroutinesOfTrace(text string) (counts []int) {
	n, inside := 0, false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "SCHED "):
			if inside {
				counts = append(counts, n)
			}
			n, inside = 0, true
		case inside && strings.HasPrefix(line, "  G"):
			_, status, ok := strings.Cut(line, "status=")
			if ok && !strings.HasPrefix(status, "6(") && !strings.HasPrefix(status, "0(") {
				n++
			}
		}
	}
	return counts
}
