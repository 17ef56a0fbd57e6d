package attributes

import "strings"

// hostname applies the host rules in their order. found is false when no rule matches, when the rule that decides has no
// answer, and for a name that says nothing about where it is; none of these falls through to the next rule.
func (f *facts) hostname() (name string, found bool) {
	name, found = f.anyHostname()
	switch name {
	case "0.0.0.0", "127.0.0.1", "localhost", "localhost.localdomain", "localhost6.localdomain6", "ip6-localhost":
		return "", false
	}
	return name, found
}

func (f *facts) anyHostname() (name string, found bool) {
	switch {
	case f.literalHost.present:
		return f.literalHost.str, true
	case f.datadogHost.present:
		return f.datadogHost.str, true
	case f.launchType.str == launchTypeFargate:
		return "", false
	}
	switch f.provider.str {
	case "aws":
		return f.hostID.str, f.hostID.present
	case "gcp":
		if !f.hostName.present || !f.accountID.present {
			return "", false
		}
		return shortGCPName(f.hostName.str) + "." + f.accountID.str, true
	case "azure":
		if f.hostID.present {
			return f.hostID.str, true
		}
		return f.hostName.str, f.hostName.present
	}
	switch {
	// The cluster name of other sources (Azure resource group, EC2 tag) is bound to providers that have been decided above.
	case f.node.present && f.cluster.present:
		return f.node.str + "-" + f.cluster.str, true
	case f.node.present:
		return f.node.str, true
	case f.hostID.present:
		return f.hostID.str, true
	}
	return f.hostName.str, f.hostName.present
}

// shortGCPName cuts an internal GCP host name, <instance>.<zone>.c.<project>.internal, to its instance.
func shortGCPName(name string) string {
	if strings.Count(name, ".") < 3 {
		return name
	}
	name, _, _ = strings.Cut(name, ".")
	return name
}
