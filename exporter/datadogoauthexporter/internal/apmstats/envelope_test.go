package apmstats_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
)

func TestEnvelopeIsAStatsPayload(t *testing.T) {
	t.Parallel()
	e := apmstats.Envelope(apmstats.Header{Hostname: "h", AgentVersion: "otelcol-datadogoauth-1.0.0"})
	const noItems, notSplit = 0x90, 0xc2
	body := slices.Concat(e.Before, []byte{noItems}, e.After, []byte{notSplit})
	got, rest := msgpack(body)
	want := map[string]any{
		"AgentHostname": "h", "AgentEnv": "none", "Stats": []any{}, "AgentVersion": "otelcol-datadogoauth-1.0.0", "ClientComputed": false, "SplitPayload": false,
	}
	if !reflect.DeepEqual(got, want) || len(rest) > 0 {
		t.Errorf("got %v and %d B more, want %v", got, len(rest), want)
	}
}
