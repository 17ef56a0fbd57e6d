package grant_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

// configured are settings that a test changes.
type configured struct {
	mu sync.Mutex
	m  map[string]grant.Setting
}

func (c *configured) read() map[string]grant.Setting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.m)
}

func (c *configured) set(name string, s grant.Setting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[name] = s
}

func (c *configured) unset(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, name)
}

func TestSettingsAreComparedWithThoseOfTheLastStart(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	c := &configured{m: map[string]grant.Setting{
		"flow::public_url": {Value: "https://a"}, "admin::hosts::0": {Value: "h"}, "secret (content)": {Value: "the-secret-one", Secret: true},
	}}
	f.Edit = func(o *grant.Options) { o.Settings = c.read }
	s := f.Start()
	settings := func() []audit.Record {
		s.CompareSettings(t.Context())
		return audited(t, s, grant.AuditQuery{})
	}
	records := settings()
	require.Equal(t, []string{"settings recorded"}, whats(records))
	assert.Equal(t, []audit.Change{{Field: "admin::hosts::0", After: "h"}, {Field: "flow::public_url", After: "https://a"}, {Field: "secret (content)", After: records[0].Changes[2].After}}, records[0].Changes)
	assert.Regexp(t, "^hmac:[0-9a-f]{12}$", records[0].Changes[2].After)
	assert.Contains(t, records[0].Reason, "found at the start of the collector on ")

	f.Clock.Advance(time.Second)
	s = f.Restart(s)
	require.Len(t, settings(), 1, "nothing changed")
	c.set("secret (content)", grant.Setting{Secret: true, Unread: true})
	require.Len(t, settings(), 1, "a file that cannot be read is not another one")
	c.set("secret (content)", grant.Setting{Value: "the-secret-two", Secret: true})
	records = settings()
	require.Len(t, records, 2)
	assert.Equal(t, "settings changed", records[1].What)
	assert.Contains(t, records[1].Reason, "while the collector was running")
	assert.Equal(t, []audit.Change{{Field: "secret (content)", Before: records[0].Changes[2].After, After: records[1].Changes[0].After}}, records[1].Changes)
	assert.NotEqual(t, records[1].Changes[0].Before, records[1].Changes[0].After)

	c.unset("admin::hosts::0")
	c.set("flow::public_url", grant.Setting{Value: "https://b"})
	f.Clock.Advance(time.Second)
	s = f.Restart(s)
	records = settings()
	require.Len(t, records, 3)
	assert.Equal(t, []audit.Change{{Field: "admin::hosts::0", Before: "h"}, {Field: "flow::public_url", Before: "https://a", After: "https://b"}}, records[2].Changes)
}

// However many settings changed, each is in a record.
func TestEachChangedSettingIsRecorded(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	c := &configured{m: map[string]grant.Setting{}}
	for i := range 250 {
		c.m[fmt.Sprintf("tenants::%03d", i)] = grant.Setting{Value: "x"}
	}
	f.Edit = func(o *grant.Options) { o.Settings = c.read }
	s := f.Start()
	s.CompareSettings(t.Context())
	records := audited(t, s, grant.AuditQuery{})
	require.Equal(t, []string{"settings recorded", "settings recorded", "settings recorded"}, whats(records))
	var names []string
	for _, r := range records {
		assert.LessOrEqual(t, len(r.Changes), 100)
		for _, c := range r.Changes {
			names = append(names, c.Field)
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(c.read())), names)
}

// Two collectors that share a store and see a file replaced record it once, and each keeps to what changed in its own settings.
func TestCollectorsWithOtherSettingsDoNotQuarrel(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	shared := f.Shared()
	start := func(endpoint string) (*grant.Service, *configured) {
		c := &configured{m: map[string]grant.Setting{"endpoint": {Value: endpoint}, "keyset": {Value: "1"}}}
		s := f.NewOn(shared, func(o *grant.Options) { o.Settings = c.read })
		granttest.AwaitReady(t, s)
		s.CompareSettings(t.Context())
		f.Clock.Advance(time.Second) // the next one compares when it is ready, and records of one moment are in no order
		return s, c
	}
	one, c1 := start("a")
	two, c2 := start("b")
	require.Equal(t, []string{"settings recorded", "settings changed"}, whats(audited(t, one, grant.AuditQuery{})))
	for range 3 {
		one.CompareSettings(t.Context())
		two.CompareSettings(t.Context())
	}
	for _, c := range []*configured{c1, c2} {
		c.set("keyset", grant.Setting{Value: "2"})
	}
	f.Clock.Advance(time.Second)
	one.CompareSettings(t.Context())
	two.CompareSettings(t.Context())
	records := audited(t, one, grant.AuditQuery{})
	require.Len(t, records, 3)
	assert.Equal(t, []audit.Change{{Field: "keyset", Before: "1", After: "2"}}, records[2].Changes)
}
