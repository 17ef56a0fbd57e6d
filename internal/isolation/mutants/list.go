package main

// mutant is one fault. The test must see it.
type mutant struct {
	name  string
	edits []edit
}

// edit replaces old by new in a file below the exporter's directory.
type edit struct{ file, old, new string }

var mutants = []mutant{
	{"wrong key: the first tenant's at each intake", []edit{
		{"internal/intake/send.go", "	packer packer\n", "	packer packer\n	first  sync.Map\n"},
		{"internal/intake/send.go", "	with := s.compression(to)\n", "	if first, ok := s.first.LoadOrStore(to, cred); ok {\n		cred = first.(*credential.Credential)\n	}\n	with := s.compression(to)\n"},
	}},
	{"shared delta key: one memory of series for all tenants", []edit{
		{"internal/metrics/state.go", "func (s *state) open(tenant string) *table {\n", "func (s *state) open(tenant string) *table {\n	tenant = \"\"\n"},
		{"internal/metrics/mapper.go", "m.key.sum(partTenant, append(tx.text[:0], tenant...))", "m.key.sum(partTenant, tx.text[:0])"},
	}},
	{"buffer reused too early: while the transport may still read it", []edit{
		{"internal/intake/compress.go", "	p.owners.Add(1)\n	return", "	return"},
		{"internal/intake/compress.go", "	if !r.closed.Swap(true) {\n		r.of.release()\n	}\n", "	r.closed.Store(true)\n"},
	}},
	{"array lent again: while the queue has what is in it", []edit{
		{"offer.go", "	if err == nil && e.cfg.Queue.Get().StorageID != nil {\n", "	if err == nil {\n"},
		{"internal/intake/memory.go", "	*p = Payload{}\n", ""},
		{"internal/intake/memory.go", "l.body, l.items = p.Body[:0], p.Items[:0]", "l.body, l.items = p.Body[:0], nil"},
	}},
	{"data of an organisation that the tenant has left", []edit{
		{"internal/tenancy/dispatch.go", "case err == nil && cred.OrgText() != r.Org:", "case err == nil && cred == nil:"},
	}},
	{"one batch for all tenants", []edit{
		{"exporter.go", "	return intake.PartitionKey(ctx, r)\n", "	return string([]byte{byte(r.(*intake.Request).Family)})\n"},
		{"internal/intake/request.go", "if o.Family != r.Family || o.Tenant != r.Tenant || o.Org != r.Org {", "if o.Family != r.Family {"},
	}},
}
