package grant

// noteStore keeps why the store cannot be read, for people; nil says that it can.
func (s *Service) noteStore(err error) {
	if err == nil {
		s.storeFault.Store(nil)
	} else {
		text := err.Error()
		s.storeFault.Store(&text)
	}
	s.reportTrouble()
}

// StoreFault says why the store could not be read when that was last tried, and what to do. It is empty while it can be, and before
// the first attempt ended.
func (s *Service) StoreFault() string {
	if fault := s.storeFault.Load(); fault != nil {
		return *fault
	}
	return ""
}
