package apmstats

import (
	"strconv"
	"strings"
)

// grpcNames are the names of the gRPC status codes (https://grpc.io/docs/guides/status-codes/), with the ways in which libraries write those of
// two words. Datadog's agent knows these.
var grpcNames = [...]struct{ name, code string }{
	{"OK", "0"}, {"CANCELLED", "1"}, {"CANCELED", "1"}, {"UNKNOWN", "2"}, {"INVALID_ARGUMENT", "3"}, {"INVALIDARGUMENT", "3"},
	{"DEADLINE_EXCEEDED", "4"}, {"DEADLINEEXCEEDED", "4"}, {"NOT_FOUND", "5"}, {"NOTFOUND", "5"}, {"ALREADY_EXISTS", "6"}, {"ALREADYEXISTS", "6"},
	{"PERMISSION_DENIED", "7"}, {"PERMISSIONDENIED", "7"}, {"RESOURCE_EXHAUSTED", "8"}, {"RESOURCEEXHAUSTED", "8"},
	{"FAILED_PRECONDITION", "9"}, {"FAILEDPRECONDITION", "9"}, {"ABORTED", "10"}, {"OUT_OF_RANGE", "11"}, {"OUTOFRANGE", "11"},
	{"UNIMPLEMENTED", "12"}, {"INTERNAL", "13"}, {"UNAVAILABLE", "14"}, {"DATA_LOSS", "15"}, {"DATALOSS", "15"}, {"UNAUTHENTICATED", "16"},
}

// grpcCode is a gRPC status as a number in text, "" for one that is none.
func grpcCode(status string) string {
	if status == "" {
		return ""
	}
	if c := status[0]; c >= '0' && c <= '9' {
		code, err := strconv.ParseUint(status, 10, 32)
		switch {
		case err != nil:
			return ""
		case status[0] == '0':
			return strconv.FormatUint(code, 10)
		}
		return status
	}
	status = strings.TrimPrefix(status, "StatusCode.")
	for i := range grpcNames {
		if len(status) == len(grpcNames[i].name) && strings.EqualFold(status, grpcNames[i].name) {
			return grpcNames[i].code
		}
	}
	return ""
}
