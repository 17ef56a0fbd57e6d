package intake_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

const gohaiOfH = `{"cpu":{"cpu_cores":"4"},"filesystem":[],"memory":{},"network":{"ipaddress":"10.0.0.1"},"platform":{"hostname":"h","GOOS":"linux"}}`

// hostBody is a report of host h, in which old became new.
func hostBody(gohai, old, new string) []byte {
	inString, _ := json.Marshal(gohai)
	body := `{"meta":{"hostname":"h","instance-id":"i-1","ec2-hostname":"ip-1","host_aliases":["a"],"ccrid":"arn:1"},"internalHostname":"h",` +
		`"otel_version":"1.2.3","agent-flavor":"otelcol","host-tags":{"otel":["env:prod"]},"gohai":` + string(inString) + `}`
	return []byte(strings.Replace(body, old, new, 1))
}

func hostMetadataRefusals() []refusalCase {
	refused := func(name string, body []byte, says string) refusalCase {
		return refusalCase{"host metadata: " + name, "api", "/intake", nil, body, 400, says}
	}
	body := func(name, old, new, says string) refusalCase {
		return refused(name, hostBody(gohaiOfH, old, new), says)
	}
	gohai := func(name, old, new, says string) refusalCase {
		return refused("gohai "+name, hostBody(strings.Replace(gohaiOfH, old, new, 1), "", ""), says)
	}
	return []refusalCase{
		body("no host", `"hostname":"h",`, ``, "meta.hostname is required"),
		body("two hosts", `"internalHostname":"h"`, `"internalHostname":"i"`, "is not meta.hostname"),
		body("no version", `"otel_version":"1.2.3",`, ``, "required"),
		body("no flavor", `"otelcol"`, `""`, "required"),
		body("no tags", `"host-tags":{"otel":["env:prod"]},`, ``, "required"),
		body("an empty tag", `"env:prod"`, `"env:prod"," "`, "tag 1"),
		body("a tag twice", `"env:prod"`, `"env:prod","env:prod"`, "there twice"),
		body("a member that nobody knows", `"meta":{`, `"meta":{"x":1,`, "unknown field"),
		body("an object where a string is", `"gohai":"`, `"gohai":{},"x":"`, "JSON"),
		refused("two objects", append(hostBody(gohaiOfH, "", ""), hostBody(gohaiOfH, "", "")...), "follows"),
		refused("a list", []byte(`[]`), "JSON"),
		gohai("cut short", `"platform":{"hostname":"h","GOOS":"linux"}}`, ``, "gohai"),
		gohai("of another host", `"hostname":"h"`, `"hostname":"i"`, "platform.hostname"),
		gohai("without a part", `"memory":{},`, ``, "needs cpu"),
		gohai("with a part that nobody knows", `"memory":{},`, `"memory":{},"gpu":{},`, "unknown field"),
		gohai("with a number", `"cpu_cores":"4"`, `"cpu_cores":4`, "JSON"),
		gohai("with a key that nobody knows", `"cpu_cores":`, `"cores":`, "cpu has no"),
		gohai("with a filesystem", `"filesystem":[]`, `"filesystem":[{}]`, "filesystems"),
		gohai("with memory", `"memory":{}`, `"memory":{"total":"1"}`, "memory has no"),
		{"host metadata: wrong key", "api", "/intake", headers{"Content-Type": typeJSON, "DD-API-KEY": "x"}, hostBody(gohaiOfH, "", ""), 403, "Forbidden"},
		{"host metadata: another type", "api", "/intake", asProto(""), hostBody(gohaiOfH, "", ""), 415, "content type"},
		{"host metadata: zstd", "api", "/intake", headers{"Content-Type": typeJSON, "Content-Encoding": "zstd"}, zstded(hostBody(gohaiOfH, "", "")), 415, "content encoding"},
		{"host metadata: on another host", "logs", "/intake", nil, hostBody(gohaiOfH, "", ""), 404, "does not imitate"},
	}
}

func TestTheLastReportOfAHostIsKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("api", "/intake", typeJSON, hostBody(gohaiOfH, "env:prod", "env:dev"))
	if answer := h.post("api", "/intake", typeJSON, hostBody(gohaiOfH, "", "")); answer != `{"status":"ok"}` {
		t.Errorf("answer %s", answer)
	}
	want := []intake.HostMetadata{{
		Host: "h", Flavor: "otelcol", Version: "1.2.3", InstanceID: "i-1", EC2Hostname: "ip-1", CloudResourceID: "arn:1", Aliases: []string{"a"},
		Tags: []string{"env:prod"}, CPU: map[string]string{"cpu_cores": "4"}, Network: map[string]string{"ipaddress": "10.0.0.1"},
		Platform: map[string]string{"hostname": "h", "GOOS": "linux"}, Reports: 2, Arrived: h.now(),
	}}
	if got := h.Received(orgEU).HostMetadata; !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v, want %+v", got, want)
	}
	if got, accepted := h.Counts(orgEU).HostMetadata, h.Accepted(orgEU).HostMetadata; got != 1 || accepted != 2 {
		t.Errorf("%d hosts, %d reports", got, accepted)
	}
	h.Reset(orgEU)
	if got := h.Received(orgEU).HostMetadata; got != nil {
		t.Errorf("after a reset: %+v", got)
	}
}
