package intake

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// hostMetadataDoor is POST api.<site>/intake, where Datadog's exporter sends what it knows of a host. Datadog documents neither it nor a size; the
// limits are the stand-in's own bound, and so is the answer.
var hostMetadataDoor = door{
	kind:     KindHostMetadata,
	media:    []string{"application/json"},
	maxSent:  1_000_000,
	maxPlain: 1_000_000,
	refuse:   answerErrors,
	store:    storeHostMetadata,
}

// HostMetadata is what was last said of a host.
type HostMetadata struct {
	Host                    string
	Flavor, Version         string // of the collector
	InstanceID, EC2Hostname string
	CloudResourceID         string // the canonical one
	Aliases, Tags           []string
	CPU, Network, Platform  map[string]string
	Reports                 int // how many there were
	Arrived                 time.Time
}

type jsonHostMetadata struct {
	Meta *struct {
		InstanceID  string   `json:"instance-id"`
		EC2Hostname string   `json:"ec2-hostname"`
		Hostname    string   `json:"hostname"`
		HostAliases []string `json:"host_aliases"`
		CCRID       string   `json:"ccrid"`
	} `json:"meta"`
	InternalHostname string  `json:"internalHostname"`
	Version          *string `json:"otel_version"`
	Flavor           string  `json:"agent-flavor"`
	Tags             *struct {
		OTel []string `json:"otel"`
	} `json:"host-tags"`
	Gohai *string `json:"gohai"` // JSON in a string
}

type jsonGohai struct {
	CPU        map[string]string `json:"cpu"`
	FileSystem []json.RawMessage `json:"filesystem"`
	Memory     map[string]string `json:"memory"`
	Network    map[string]string `json:"network"`
	Platform   map[string]string `json:"platform"`
}

// What the parts of gohai may say.
var (
	cpuKeys = []string{
		"cache_size", "cpu_cores", "cpu_logical_processors", "family", "mhz", "model", "model_name", "stepping", "vendor_id",
	}
	networkKeys  = []string{"ipaddress", "ipaddressv6", "macaddress"}
	platformKeys = []string{
		"GOOARCH", "GOOS", "hardware_platform", "hostname", "kernel_name", "kernel_release", "kernel_version", "machine", "os", "processor",
	}
)

func storeHostMetadata(c *call) (any, error) {
	var s jsonHostMetadata
	if err := decodeStrict(c.body, &s); err != nil {
		return nil, err
	}
	switch {
	case s.Meta == nil || s.Meta.Hostname == "":
		return nil, badRequest("meta.hostname is required")
	case s.InternalHostname != s.Meta.Hostname:
		return nil, badRequest("internalHostname %.100q is not meta.hostname %.100q", s.InternalHostname, s.Meta.Hostname)
	case s.Version == nil || s.Flavor == "" || s.Tags == nil || s.Gohai == nil:
		return nil, badRequest("otel_version, agent-flavor, host-tags and gohai are required")
	}
	for i, tag := range s.Tags.OTel {
		if strings.TrimSpace(tag) == "" || slices.Contains(s.Tags.OTel[:i], tag) {
			return nil, badRequest("tag %d, %.100q, is empty or there twice", i, tag)
		}
	}
	gohai, err := decodeGohai(*s.Gohai, s.Meta.Hostname)
	if err != nil {
		return nil, err
	}
	h := HostMetadata{
		Host: s.Meta.Hostname, Flavor: s.Flavor, Version: *s.Version, InstanceID: s.Meta.InstanceID, EC2Hostname: s.Meta.EC2Hostname,
		CloudResourceID: s.Meta.CCRID, Aliases: s.Meta.HostAliases, Tags: s.Tags.OTel, CPU: gohai.CPU, Network: gohai.Network, Platform: gohai.Platform,
		Reports: 1, Arrived: c.now,
	}
	c.org.write(KindHostMetadata, 1, func() {
		c.org.keepHost(h)
		c.org.accepted.HostMetadata++
	})
	return map[string]string{"status": "ok"}, nil
}

func decodeGohai(text, host string) (g jsonGohai, err error) {
	if err := decodeStrict([]byte(text), &g); err != nil {
		return g, badRequest("gohai: %v", err)
	}
	if g.CPU == nil || g.FileSystem == nil || g.Memory == nil || g.Network == nil || g.Platform["hostname"] != host {
		return g, badRequest("gohai needs cpu, filesystem, memory, network, and platform.hostname as in meta")
	}
	for _, part := range []struct {
		name string
		has  map[string]string
		may  []string
	}{{"cpu", g.CPU, cpuKeys}, {"network", g.Network, networkKeys}, {"platform", g.Platform, platformKeys}, {"memory", g.Memory, nil}} {
		for key := range part.has {
			if !slices.Contains(part.may, key) {
				return g, badRequest("gohai: %s has no %.100q", part.name, key)
			}
		}
	}
	if len(g.FileSystem) != 0 {
		return g, badRequest("gohai: no resource tells of filesystems")
	}
	return g, nil
}

// keepHost replaces what is known of a host. The caller holds mu.
func (o *org) keepHost(h HostMetadata) {
	if o.hosts == nil {
		o.hosts = map[string]HostMetadata{}
	}
	before, known := o.hosts[h.Host]
	switch {
	case known:
		h.Reports += before.Reports
	case len(o.hosts) >= o.caps.Others:
		o.drops.add(KindHostMetadata, DropEvicted, "", 1)
		return
	default:
		o.counts.HostMetadata++
	}
	o.hosts[h.Host] = h
}

// hostList is sorted by host.
func (o *org) hostList() []HostMetadata {
	var all []HostMetadata
	for _, host := range slices.Sorted(maps.Keys(o.hosts)) {
		all = append(all, o.hosts[host])
	}
	return all
}
