package grant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestNoVerbAndNoLoggerShowsASecret(t *testing.T) {
	t.Parallel()
	const secret = "7Gq2Zr9xV1kTt0Yw0Bn4Lm"
	values := []any{
		Org{APIKey: secret}, &Org{APIKey: secret},
		Token{AccessToken: secret, RefreshToken: secret}, &Token{AccessToken: secret, RefreshToken: secret},
		Flow{Verifier: secret, StateHash: secret, BrowserHash: secret, Invitation: secret}, &Flow{Verifier: secret},
		Revocation{Token: Token{AccessToken: secret, RefreshToken: secret}}, &Revocation{Token: Token{RefreshToken: secret}},
		tokenSet{access: secret, refresh: secret}, mintedKey{key: secret},
		[]Token{{RefreshToken: secret}}, map[string]Org{"x": {APIKey: secret}}, struct{ T Token }{Token{AccessToken: secret}},
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, secret, "%T %s", v, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", secret), "%T %s", v, verb)
		}
	}
	var out bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	log := zap.New(core)
	for _, v := range values[:10] {
		log.Info("x", zap.Any("v", v))
		log.Sugar().Infow("x", "v", v)
	}
	assert.NotContains(t, out.String(), secret)
	require.Contains(t, out.String(), "tokens of tenant")

	stored, err := json.Marshal(Token{RefreshToken: secret})
	require.NoError(t, err)
	assert.Contains(t, string(stored), secret, "the store still gets it")
}
