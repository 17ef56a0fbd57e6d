package traces

// sqlShape is statement with one literal in the place of each literal of its kind: a 0 for numbers, an empty string for strings. Statements of
// one shape are obfuscated to the same text, so the shape is what the cache goes by: statements that tracers send with their values have few.
//
// A literal is replaced only where the lexer of go-sqllexer, in each of its dialects, makes one token of it whatever is in it: digits, with
// decimals or without, and strings without a backslash or a quote in them, that stand alone (see isLiteral). All else stays as it is. What could
// hide a literal from the lexer, or some text from this function (comments, text in dollars, escapes, quoted names of more than letters, digits
// and underscores), makes the statement its own shape.
//
// The result is statement or shares the memory of the arena.
func (a *arena) sqlShape(statement string) string {
	begin, done := len(a.buf), 0 // statement[:done] is in the arena
	for i := 0; i < len(statement); {
		c := statement[i]
		if sqlBytes[c]&plainSQL != 0 {
			i++
			continue
		}
		end, literal := i+1, ""
		switch sqlBytes[c] {
		case digitSQL:
			if end = numberEnd(statement, i); isLiteral(statement, i, end) && isPlainNumber(statement[i:end]) {
				literal = "0"
			}
		case quoteSQL:
			if end = quotedEnd(statement, i, &inString); end > 0 && !isLiteral(statement, i, end) {
				end = -1
			}
			literal = "''"
		case nameSQL:
			end = quotedEnd(statement, i, &inName)
		case pairSQL:
			if isOpening(statement, i) {
				end = -1
			}
		default:
			end = -1
		}
		if end < 0 {
			a.buf = a.buf[:begin]
			return statement
		}
		if literal != "" {
			a.buf = append(append(a.buf, statement[done:i]...), literal...)
			done = end
		}
		i = end
	}
	if done == 0 {
		return statement
	}
	a.buf = append(a.buf, statement[done:]...)
	return a.since(begin)
}

// The classes of bytes in SQL. The zero value is for those that a statement with a shape does not have.
const (
	plainSQL      = 1 << iota // it stays as it is
	beforeLiteral             // a literal may follow
	afterLiteral              // it may follow a literal
	digitSQL
	quoteSQL
	nameSQL
	pairSQL // it depends on the next one
)

var sqlBytes = func() (classes [256]uint8) {
	for c := byte('a'); c <= 'z'; c++ {
		classes[c], classes[c-'a'+'A'] = plainSQL, plainSQL
	}
	for c := byte('0'); c <= '9'; c++ {
		classes[c] = digitSQL
	}
	for _, c := range []byte("_.?!%&|^~+*{}") {
		classes[c] = plainSQL
	}
	for _, c := range []byte(" \t\n\r=<>,") {
		classes[c] = plainSQL | beforeLiteral | afterLiteral
	}
	classes['('] = plainSQL | beforeLiteral
	for _, c := range []byte(");:") {
		classes[c] = plainSQL | afterLiteral
	}
	classes['\''], classes['"'], classes['`'] = quoteSQL, nameSQL, nameSQL
	classes['-'], classes['/'], classes['$'] = pairSQL, pairSQL, pairSQL
	return classes
}()

// isOpening says that what is at i begins a comment, or text in dollars. A dollar before a digit is part of a parameter, $1, or of a name.
func isOpening(s string, i int) bool {
	next := byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch s[i] {
	case '-':
		return next == '-'
	case '/':
		return next == '*'
	}
	return !isASCIIDigit(next)
}

// follows says that a literal may begin at i: at the beginning or after a mark, but not where MySQL would read on a name whose
// parts have blanks around their dots.
func follows(s string, i int) bool {
	if i == 0 {
		return true
	}
	if sqlBytes[s[i-1]]&beforeLiteral == 0 {
		return false
	}
	for i--; i >= 0; i-- {
		if c := s[i]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c != '.'
		}
	}
	return true
}

// isLiteral says that s[from:to] stands alone.
func isLiteral(s string, from, to int) bool {
	return (to == len(s) || sqlBytes[s[to]]&afterLiteral != 0) && follows(s, from)
}

func numberEnd(s string, i int) int {
	for i < len(s) && (isASCIIDigit(s[i]) || s[i] == '.') {
		i++
	}
	return i
}

// isPlainNumber leaves out what the lexer takes for two numbers, such as 0189, the first one octal, and a dot at the end, which could be
// that of a name to what follows.
func isPlainNumber(number string) bool {
	return number[len(number)-1] != '.' && (len(number) == 1 || number[0] != '0' || number[1] == '.')
}

// What may be in a string and in a quoted name. A name of more than these could hide what begins or ends a literal.
var (
	inString = func() (in [256]bool) {
		for c := ' '; c <= '~'; c++ {
			in[c] = c != '\'' && c != '\\'
		}
		return in
	}()
	inName = func() (in [256]bool) {
		for c := range in {
			in[c] = isASCIILetter(byte(c)) || isASCIIDigit(byte(c)) || c == '_'
		}
		return in
	}()
)

// quotedEnd is where the text ends that begins with a quote at i, -1 when it has more than what in allows. A quote right after it, which would be
// a part of it, is none of the marks that may follow a literal.
func quotedEnd(s string, i int, in *[256]bool) int {
	quote := s[i]
	for i++; i < len(s) && in[s[i]]; i++ {
	}
	if i == len(s) || s[i] != quote {
		return -1
	}
	return i + 1
}
