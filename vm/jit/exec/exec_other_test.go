//go:build !linux || !amd64

package exec

import (
	"errors"
	"testing"

	"github.com/bpftime-go/bpftime/internal/unverified"
	"github.com/bpftime-go/bpftime/vm"
)

func TestNewSaysThatItCannot(t *testing.T) {
	p, err := vm.Validate(vm.MustAssemble("r0 = 0; exit"), vm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(unverified.Program(p), Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v, want ErrUnsupported", err)
	}
}
