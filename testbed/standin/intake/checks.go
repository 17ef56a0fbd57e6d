package intake

import "time"

// checksDoor is POST api.<site>/api/v1/check_run. Datadog states no size; the limits are the stand-in's own bound.
var checksDoor = door{
	kind:     KindChecks,
	media:    []string{"application/json", "text/json"},
	maxSent:  3_200_000,
	maxPlain: 5_000_000,
	refuse:   answerErrors,
	store:    storeChecks,
}

const checkPast = 10 * time.Minute

// Check is one service check as it was sent.
type Check struct {
	Name    string
	Host    string
	Status  int // 0 OK, 1 warning, 2 critical, 3 unknown
	Tags    []string
	Message string    // empty when the status is OK: Datadog drops it then
	Time    time.Time // its own time, or that of its arrival
}

type jsonCheck struct {
	Check     string    `json:"check"`
	HostName  string    `json:"host_name"`
	Status    *int      `json:"status"`
	Tags      *[]string `json:"tags"`
	Message   string    `json:"message"`
	Timestamp *int64    `json:"timestamp"` // seconds
}

func storeChecks(c *call) (any, error) {
	var sent []jsonCheck
	if err := decodeStrict(c.body, &sent); err != nil {
		return nil, err
	}
	checks := make([]Check, len(sent))
	for i, s := range sent {
		switch {
		case s.Check == "" || s.HostName == "" || s.Tags == nil || s.Status == nil:
			return nil, badRequest("check %d: check, host_name, status and tags are required", i)
		case *s.Status < 0 || *s.Status > 3:
			return nil, badRequest("check %d: status %d is none of 0, 1, 2, 3", i, *s.Status)
		}
		checks[i] = Check{s.Check, s.HostName, *s.Status, *s.Tags, s.Message, c.now}
		if *s.Status == 0 {
			checks[i].Message = ""
		}
		if s.Timestamp != nil {
			checks[i].Time = time.Unix(*s.Timestamp, 0)
		}
	}
	c.org.write(KindChecks, len(checks), func() {
		for _, check := range checks {
			if check.Time.Before(c.now.Add(-checkPast)) {
				c.org.drops.add(KindChecks, DropTooOld, check.Name, 1)
				continue
			}
			keep(c.org, KindChecks, &c.org.checks, c.org.caps.Others, check)
			c.org.counts.Checks++
			c.org.accepted.Checks++
		}
	})
	return map[string]string{"status": "ok"}, nil
}
