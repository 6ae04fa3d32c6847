//go:build !linux || !amd64

package exec

type mapping struct{ addr uintptr }

func mapText([]byte) (mapping, error) { return mapping{}, ErrUnsupported }
func (mapping) close() error          { return ErrUnsupported }

type stack struct{ ctx []byte }

func takeStack() (*stack, error) { return nil, ErrUnsupported }

func (*stack) release()                         {}
func (*stack) bytes() []byte                    { return nil }
func (*stack) enter(uintptr, [5]uint64, []byte) {}
func (*stack) resume(uint64)                    {}
func (*stack) result() uint64                   { return 0 }
func (*stack) called() bool                     { return false }

func (*stack) helperCall() (program, helper uint32, args [5]uint64) { return }

func helperExitAddr() uintptr { return 0 }
func address([]byte) uint64   { return 0 }

func readProcess(uint64, []byte) error  { return ErrUnsupported }
func writeProcess(uint64, []byte) error { return ErrUnsupported }
