package traces

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// obfuscateRedisResource leaves of the resource of a span of type redis or valkey the names of its commands.
func (g *mapping) obfuscateRedisResource(s *span) {
	if s.resource = g.text.redisCommands(s.resource); s.resource == "" {
		s.resource = s.name // the intake takes no empty resource, and one bad span must not cost the others of its body
	}
}

// redisCommands is the names of the first commands of a pipeline, one a line, without their arguments: "SET GET", "CLIENT LIST ...".
// A name that its tracer cut short ("...") is left out.
func (a *arena) redisCommands(pipeline string) string {
	const maxCommands = 3
	from, commands, cut := len(a.buf), 0, false
	for rest := pipeline; rest != "" && commands < maxCommands; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		command, arguments, _ := strings.Cut(strings.Trim(line, " "), " ")
		if command == "" {
			continue
		}
		if cut = strings.HasSuffix(command, truncationMark); cut {
			continue
		}
		begin := len(a.buf)
		a.buf = appendUpper(append(a.buf, ' '), command)
		var sub string
		if isCompoundRedisCommand(a.since(begin + 1)) {
			sub, _, _ = strings.Cut(strings.TrimLeft(arguments, " "), " ")
			if cut = strings.HasSuffix(sub, truncationMark); cut {
				a.buf = a.buf[:begin]
				continue
			}
		}
		if sub != "" {
			a.buf = appendUpper(append(a.buf, ' '), sub)
		}
		commands++
	}
	if commands == maxCommands || cut {
		a.buf = append(a.buf, " ..."...)
	}
	return strings.Trim(a.since(from), " ")
}

func appendUpper(dst []byte, s string) []byte {
	for _, r := range s {
		dst = utf8.AppendRune(dst, unicode.ToUpper(r))
	}
	return dst
}

func isCompoundRedisCommand(command string) bool {
	switch command {
	case "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "SCRIPT":
		return true
	}
	return false
}

// redisWithoutValues is a pipeline, one command a line, with "?" in the place of values. Keys, fields and options stay. Of a command that is
// not known no argument stays, and of what cannot be one nothing.
//
// The commands and their values are those of Datadog's agent (pkg/obfuscate v0.85.2), which leaves the arguments of all others.
func (a *arena) redisWithoutValues(pipeline string) string {
	from := len(a.buf)
	for rest := strings.TrimSpace(pipeline); rest != ""; {
		rest = strings.TrimLeft(rest, " \t\r")
		end := strings.IndexAny(rest, " \n")
		if end < 0 {
			end = len(rest)
		}
		command := rest[:end]
		rest = rest[end:]
		if len(a.buf) > from && command != "" {
			a.buf = append(a.buf, '\n')
		}
		name := command
		if !isRedisName(name) {
			name = "?"
		}
		a.buf = append(a.buf, name...)
		if rest != "" && rest[0] == ' ' {
			rest = a.redisArguments(name, rest)
		}
		rest = strings.TrimPrefix(rest, "\n")
	}
	return a.since(from)
}

// isRedisName reports whether text can be the name of a command, as those of modules: JSON.SET.
func isRedisName(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isASCIILetter(c) && !isASCIIDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// redisArguments appends the arguments with which line begins, and returns what follows their line.
func (a *arena) redisArguments(command, line string) (rest string) {
	rule := redisRuleOf(command)
	hidden := false // the rest of the line
	for n := 0; ; n++ {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '\n' {
			return line
		}
		end := redisArgumentEnd(line)
		argument := line[:end]
		line = line[end:]
		if hidden {
			continue
		}
		hide := rule.hides(n, argument)
		a.buf = append(a.buf, ' ')
		if hide != keepArgument {
			a.buf = append(a.buf, '?')
			hidden = hide == hideRest
			continue
		}
		a.buf = append(a.buf, argument...)
	}
}

// redisArgumentEnd is where the argument with which line begins ends: at a blank or line end outside of quotes.
func redisArgumentEnd(line string) int {
	quoted, escaped := false, false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c == '"' && !escaped:
			quoted = !quoted
		case (c == ' ' || c == '\n') && !quoted:
			return i
		}
		escaped = false
	}
	return len(line)
}
