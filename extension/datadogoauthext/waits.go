package datadogoauthext

import (
	"cmp"
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// waits asks all boards that can say. Of several exporters of a signal, the one that keeps least is what an operator can count on.
func (s *sends) waits() (all []admin.SendWait) {
	for _, board := range s.all() {
		keeper, ok := board.(credential.Waits)
		if !ok {
			continue
		}
		for _, w := range keeper.Waits() {
			i := slices.IndexFunc(all, func(o admin.SendWait) bool { return o.Signal == w.Signal })
			if i < 0 {
				all = append(all, admin.SendWait(w))
				continue
			}
			if w.MaxAge > 0 && (all[i].MaxAge == 0 || w.MaxAge < all[i].MaxAge) {
				all[i].MaxAge = w.MaxAge
			}
			all[i].MaxBytes = min(all[i].MaxBytes, w.MaxBytes)
		}
	}
	slices.SortFunc(all, func(x, y admin.SendWait) int { return cmp.Compare(x.Signal, y.Signal) })
	return all
}

// parked counts the items that wait, over all boards, for each tenant that has any.
func (s *sends) parked() map[string]int64 {
	all := map[string]int64{}
	for _, board := range s.all() {
		if keeper, ok := board.(credential.Waits); ok {
			for tenant, items := range keeper.Parked() {
				all[tenant] += items
			}
		}
	}
	return all
}
