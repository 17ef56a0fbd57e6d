package apmstats

import (
	"bytes"
	"net/netip"
	"strings"
)

// blockedAddress stands for an IP address in a peer tag, so that each address does not make a group of its own.
const blockedAddress = "blocked-ip-address"

// appendPeer appends a peer's name, or a comma-separated list of names, with IP addresses blocked and each name once. The rules are those of
// datadog-agent pkg/obfuscate (QuantizePeerIPAddresses).
func appendPeer(dst []byte, names string) []byte {
	if isPlainName(names) {
		return append(dst, names...)
	}
	begin := len(dst)
	var seen map[string]bool // of long lists
	for n := 0; ; n++ {
		name, rest, more := strings.Cut(names, ",")
		at := len(dst)
		if n > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		dst = appendPeerName(dst, name)
		if n == 32 {
			seen = make(map[string]bool)
			for _, earlier := range bytes.Split(dst[begin:at], []byte{','}) {
				seen[string(earlier)] = true
			}
		}
		known := n > 0 && seen == nil && listed(dst[begin:at], dst[from:])
		if seen != nil {
			if known = seen[string(dst[from:])]; !known {
				seen[string(dst[from:])] = true
			}
		}
		if known {
			dst = dst[:at]
		}
		if !more {
			return dst
		}
		names = rest
	}
}

// isPlainName says that a name is one, and no address: those have digits, or colons.
func isPlainName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= '0' && c <= '9' || c == ':' || c == ',' {
			return false
		}
	}
	return true
}

// listed says that name is in a comma-separated list.
func listed(list, name []byte) bool {
	for {
		first, rest, more := bytes.Cut(list, []byte{','})
		if bytes.Equal(first, name) {
			return true
		}
		if !more {
			return false
		}
		list = rest
	}
}

func appendPeerName(dst []byte, name string) []byte {
	prefix, rest := cutScheme(name)
	host, port := rest, ""
	if h, p, ok := cutPort(rest); ok {
		host, port = h, p
	}
	n := addressLength(host)
	if n == 0 || isKeptAddress(host[:n]) {
		return append(dst, name...)
	}
	dst = append(append(dst, prefix...), blockedAddress...)
	if port != "" {
		dst = append(append(dst, ':'), port...)
	}
	return append(dst, host[n:]...)
}

// isKeptAddress: local, and those of the metadata servers of cloud providers.
func isKeptAddress(host string) bool {
	switch host {
	case "127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "169.254.170.2":
		return true
	}
	return false
}

// cutScheme cuts off what may stand before an address: "ip-" of host names in EC2, or a scheme. What is in front of a scheme goes with it.
func cutScheme(name string) (prefix, rest string) {
	if rest, ok := strings.CutPrefix(name, "ip-"); ok {
		return "ip-", rest
	}
	if strings.IndexByte(name, '/') < 0 {
		return "", name
	}
	for _, scheme := range [...]string{"dnspoll", "ftp", "file", "http", "https"} {
		at := strings.Index(name, scheme)
		if at < 0 {
			continue
		}
		for _, mark := range [...]string{":///", "://"} {
			if after := at + len(scheme); strings.HasPrefix(name[after:], mark) && after+len(mark) < len(name) {
				return name[at : after+len(mark)], name[after+len(mark):]
			}
		}
	}
	return "", name
}

// cutPort takes "host:port" or "[host]:port" apart.
func cutPort(s string) (host, port string, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return "", "", false
	}
	host, port = s[:colon], s[colon+1:]
	if host != "" && host[0] == '[' {
		if host[len(host)-1] != ']' {
			return "", "", false
		}
		host = host[1 : len(host)-1]
	} else if strings.IndexByte(host, ':') >= 0 {
		return "", "", false
	}
	if hasBracket(host) || hasBracket(port) {
		return "", "", false
	}
	return host, port, true
}

func hasBracket(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '[' || s[i] == ']' {
			return true
		}
	}
	return false
}

// addressLength is how much of the beginning of s is an IP address: a whole IPv6 address, or an IPv4 address, with "_" or "-" for "." as well.
func addressLength(s string) int {
	if s == "" || !isHexDigit(s[0]) && s[0] != ':' {
		return 0
	}
	i := 0
	for i < len(s) && s[i] != '.' && s[i] != '_' && s[i] != '-' && s[i] != ':' && s[i] != '%' {
		i++
	}
	switch {
	case i == len(s) || s[i] == '%':
		return 0
	case s[i] != ':':
		return v4Length(s, s[i])
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return 0
	}
	return len(s)
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// v4Length is the length of the IPv4 address at the beginning of s: four numbers up to 255 without leading zeros.
func v4Length(s string, separator byte) int {
	i := 0
	for part := 0; ; part++ {
		from, value := i, 0
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if i > from && value == 0 {
				return 0
			}
			if value = value*10 + int(s[i]-'0'); value > 255 {
				return 0
			}
		}
		switch {
		case i == from:
			return 0
		case part == 3 && i == len(s)-1 && s[i] == separator:
			return 0
		case part == 3:
			return i
		case i >= len(s)-1 || s[i] != separator:
			return 0
		}
		i++
	}
}
