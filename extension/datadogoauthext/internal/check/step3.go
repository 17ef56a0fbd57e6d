package check

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// sites is the third step: the first two, at every site. Each site needs an organisation of its own, so this gathers what other checks found.
// Whose they were is not said: a report leaves the house.
func (r *run) sites(ctx context.Context) {
	elsewhere, err := r.Grant.PassedElsewhere(ctx)
	for _, at := range site.Table() {
		id, what := "step3."+at.Domain(), at.Name()+" ("+at.Domain()+"): authorisation and API key"
		todo := "connect an organisation at this site and run its check; Datadog gives sandboxes of other sites on request: ecosystems@datadog.com"
		if at.Partition() == site.Government {
			todo += ". Whether partners' clients work at government sites is not documented"
		}
		found, checked := elsewhere[at.Domain()]
		switch {
		case at == r.facts.Site && r.resultOf(1) == Pass && r.resultOf(2) == Pass:
			r.add(pass(id, what, "steps 1 and 2 of this check"))
		case !found.IsZero():
			r.add(pass(id, what, fmt.Sprintf("the check of another organisation passed steps 1 and 2 with client %s on %s", r.facts.Client, when(found))))
		case at == r.facts.Site:
			r.add(notTested(id, what, "steps 1 and 2 of this check did not pass", "see there"))
		case err != nil:
			r.add(notTested(id, what, "the reports of other checks could not be read: "+err.Error(), "run the check again"))
		case checked:
			r.add(notTested(id, what, "no check at this site passed steps 1 and 2 with client "+r.facts.Client, "see the reports of the checks there"))
		default:
			r.add(notTested(id, what, "no check was made at this site with client "+r.facts.Client, todo))
		}
	}
}
