package tenancy

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"

// ParkReason is why a request is parked. The names are those of metadata.yaml.
type ParkReason uint8

// The reasons.
const (
	ParkedQueue          ParkReason = iota // the queue does not take it
	ParkedBusy                             // there are as many requests under way as may be
	ParkedBreaker                          // not tried: the intake fails at the moment, or asked to wait
	ParkedFailing                          // no answer, 408 or 5xx, until the retries ended
	ParkedThrottled                        // the intake asked to wait
	ParkedRefused                          // 403: of the key or of the intake, which the holder of grants finds out
	ParkedKey                              // there is no key that may be used: missing, refused, or the tenant is paused
	ParkedNotReady                         // the grants are not loaded
	ParkedNoOrganisation                   // the tenant is not connected yet
	numParkReasons
)

var parkReasons = [numParkReasons]string{"queue", "busy", "breaker", "failing", "throttled", "refused", "key", "not_ready", "no_organisation"}

func (r ParkReason) String() string { return parkReasons[r] }

// ParkReasons are all of them.
func ParkReasons() []ParkReason {
	all := make([]ParkReason, numParkReasons)
	for i := range all {
		all[i] = ParkReason(i) //nolint:gosec // a handful
	}
	return all
}

// parkReason is that of what an attempt left.
func parkReason(res result, left *intake.Request) ParkReason {
	switch {
	case res.outcome == crowded:
		return ParkedBusy
	case res.outcome == blocked:
		return ParkedBreaker
	case res.outcome == unready:
		return ParkedNotReady
	case res.outcome == waiting && left.Org == "":
		return ParkedNoOrganisation
	case res.outcome == waiting && res.refused > 0:
		return ParkedRefused
	case res.outcome == waiting:
		return ParkedKey
	case res.wait > 0:
		return ParkedThrottled
	default:
		return ParkedFailing
	}
}
