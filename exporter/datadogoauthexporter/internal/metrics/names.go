package metrics

// maxNameChars is the length of a metric's name, suffix included, that Datadog keeps; a name begins with a letter. An intake that refuses a body for
// one name would refuse its neighbours. Source: https://docs.datadoghq.com/metrics/custom_metrics/.
const maxNameChars = 200

func isASCIILetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
