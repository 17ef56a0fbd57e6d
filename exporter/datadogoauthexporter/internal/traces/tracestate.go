package traces

import (
	"math"
	"strconv"
	"strings"
)

// Limits of https://www.w3.org/TR/trace-context/#tracestate-header and of OpenTelemetry's member "ot" in it.
const (
	maxTraceStateBytes   = 1024
	maxTraceStateMembers = 31
	maxTraceStateKey     = 256
	maxTraceStateTenant  = 241
	maxTraceStateSystem  = 14
	maxTraceStateValue   = 256
	maxOTelStateBytes    = 256
)

// samplingProbability is the probability with which the head of a trace was sampled, as its tracestate tells: the threshold in
// "ot=th:<hex>", else the power of two in "ot=p:<n>". ok is false where it tells nothing, or is malformed anywhere.
//
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/#sampling-threshold-value-th
func samplingProbability(traceState string) (probability float64, ok bool) {
	if len(traceState) > maxTraceStateBytes {
		return 0, false
	}
	var otel string
	for n, rest := 1, traceState; rest != ""; n++ {
		var member string
		member, rest, _ = strings.Cut(rest, ",")
		if n > maxTraceStateMembers {
			return 0, false
		}
		if member = strings.Trim(member, " \t"); member == "" {
			continue
		}
		key, value, _ := strings.Cut(member, "=")
		if !isTraceStateKey(key) || !isTraceStateValue(value) {
			return 0, false
		}
		if key != "ot" {
			continue
		}
		if otel = value; !isOTelState(otel) {
			return 0, false
		}
	}
	return otelProbability(otel)
}

// otelProbability reads a well-formed value of the member "ot".
func otelProbability(state string) (probability float64, ok bool) {
	var threshold, power string
	for rest := state; rest != ""; {
		var field string
		field, rest, _ = strings.Cut(rest, ";")
		switch key, value, _ := strings.Cut(field, ":"); {
		case key == "th":
			threshold = value
		case key == "p" && power == "":
			power = value
			if power == "" {
				power = "none"
			}
		}
	}
	if threshold != "" {
		rejected, _ := strconv.ParseUint(threshold, 16, 64)
		const all = 1 << 56
		rejected <<= 4 * (14 - len(threshold))
		return float64(all-rejected) / all, true
	}
	const notSampled = 63
	if n, err := strconv.ParseUint(power, 10, 64); err == nil && n < notSampled {
		return math.Ldexp(1, -int(n)), true
	}
	return 0, false
}

// isOTelState checks the whole value of the member "ot": its syntax, and its fields th and rv.
func isOTelState(state string) bool {
	if len(state) > maxOTelStateBytes || strings.HasSuffix(state, ";") {
		return false
	}
	for rest := state; rest != ""; {
		var field string
		field, rest, _ = strings.Cut(rest, ";")
		key, value, colon := strings.Cut(field, ":")
		if !colon || key == "" || !isLower(key[0]) {
			return false
		}
		for i := 1; i < len(key); i++ {
			if !isLower(key[i]) && !isASCIIDigit(key[i]) {
				return false
			}
		}
		for i := 0; i < len(value); i++ {
			if c := value[i]; !isASCIILetter(c) && !isASCIIDigit(c) && c != '.' && c != '_' && c != '-' {
				return false
			}
		}
		switch _, err := strconv.ParseUint(value, 16, 64); key {
		case "th":
			if err != nil || len(value) > 14 {
				return false
			}
		case "rv":
			if err != nil || len(value) != 14 {
				return false
			}
		}
	}
	return true
}

// isTraceStateKey checks a simple key, or tenant@system.
func isTraceStateKey(key string) bool {
	if len(key) > maxTraceStateKey {
		return false
	}
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return key != "" && isLower(key[0]) && areKeyChars(key[1:])
	}
	return tenant != "" && len(tenant) <= maxTraceStateTenant && (isLower(tenant[0]) || isASCIIDigit(tenant[0])) && areKeyChars(tenant[1:]) &&
		system != "" && len(system) <= maxTraceStateSystem && isLower(system[0]) && areKeyChars(system[1:])
}

func areKeyChars(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isLower(c) && !isASCIIDigit(c) && c != '_' && c != '-' && c != '*' && c != '/' {
			return false
		}
	}
	return true
}

func isTraceStateValue(value string) bool {
	if value == "" || len(value) > maxTraceStateValue || value[len(value)-1] == ' ' {
		return false
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
