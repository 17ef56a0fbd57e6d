package audit_test

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

func BenchmarkFingerprint(b *testing.B) {
	key, _ := audit.NewFingerprintKey()
	b.ReportAllocs()
	for b.Loop() {
		key.Of("refresh_token", "0123456789abcdef0123456789abcdef0123456789")
	}
}
