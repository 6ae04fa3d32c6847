package trampoline

import "fmt"

// A Refusal says why a site is not patched. Nothing was changed.
type Refusal struct{ Why string }

func (r *Refusal) Error() string { return r.Why }

func refuse(format string, args ...any) error {
	return &Refusal{fmt.Sprintf(format, args...)}
}
