package check

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// sites is the third step: the first two, at every site. Each site needs an organisation of its own, so this gathers what other checks found.
// Whose they were is not said: a report leaves the house.
func (r *run) sites(ctx context.Context) {
	r.elsewhere, r.elsewhereErr = r.Grant.PassedElsewhere(ctx)
	for _, at := range site.Table() {
		r.add(r.siteLine(at))
	}
}

// siteLine is one that the step needs for a commercial site: partners' clients need not work at the others.
func (r *run) siteLine(at site.Site) Line {
	l := r.judgeSite(at)
	l.Optional = at.Partition() != site.Commercial
	return l
}

func (r *run) judgeSite(at site.Site) Line {
	id, what := "step3."+at.Domain(), at.Name()+" ("+at.Domain()+"): authorisation and API key"
	todo := "connect an organisation at this site and run its check; Datadog gives sandboxes of other sites on request: ecosystems@datadog.com"
	if at.Partition() == site.Government {
		todo += ". Whether partners' clients work at government sites is not documented"
	}
	client := "client " + r.facts.Client
	passed, checked := r.elsewhere[at.Domain()]
	switch {
	case at == r.facts.Site && r.passes(1) && r.passes(2):
		return pass(id, what, "steps 1 and 2 of this check passed with "+client)
	case !passed.IsZero():
		return pass(id, what, "the check of another organisation passed steps 1 and 2 with "+client+" at "+when(passed))
	case at == r.facts.Site:
		return notTested(id, what, "steps 1 and 2 of this check did not pass", "see there")
	case r.elsewhereErr != nil:
		return notTested(id, what, "the reports of other checks could not be read: "+r.elsewhereErr.Error(), runAgain)
	case checked:
		return notTested(id, what, "no check at this site passed steps 1 and 2 with "+client, "see the reports of the checks there")
	default:
		return notTested(id, what, "no check was made at this site with "+client, todo)
	}
}
