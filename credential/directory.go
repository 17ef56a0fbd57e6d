package credential

// Directory is what a Source can offer besides: the organisation of a tenant that cannot send at the moment, so that its data can be kept
// for that organisation and for no other.
type Directory interface {
	// Org returns the organisation that the tenant is connected to, whatever state its key and hold are in, or ErrNotReady,
	// ErrUnknownTenant, ErrNotConnected or ErrDisconnected. It does no I/O and takes no lock that a refresh can hold.
	Org(tenant string) (Org, error)
}
