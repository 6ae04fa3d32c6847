package object

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/helper"
)

// config is what is known of the configuration of a kernel that is not there
// (.kconfig). Those that begin with LINUX are libbpf's own: programs learn by the
// second that USDT arguments come by cookie. By the others they learn where the
// arguments of a system call are: the context's first argument points to the
// registers of the call, as it does in every kernel for x86-64 since 4.17.
var config = map[string]uint64{
	"LINUX_KERNEL_VERSION":            KernelVersion,
	"LINUX_HAS_BPF_COOKIE":            1,
	"LINUX_HAS_SYSCALL_WRAPPER":       1,
	"CONFIG_ARCH_HAS_SYSCALL_WRAPPER": yes,
	"CONFIG_X86_64":                   yes,
}

// yes is an option that is built in, whatever type a program gives it.
const yes = math.MaxUint64

// configure writes the configuration into the map ".kconfig". What is not known
// is 0 where that is allowed, and refused where a program uses it.
func (o *Object) configure() error {
	m := o.Map(".kconfig")
	if m == nil {
		return nil
	}
	for _, x := range o.spec.Externs {
		value, ok := config[x.Name]
		if !x.Config || !ok {
			continue
		}
		t := btf.UnderlyingType(x.Type)
		size, err := btf.Sizeof(t)
		if err != nil || uint64(x.Offset)+uint64(size) > uint64(len(m.Contents)) {
			return failure(`section ".kconfig"`, "%s is a %s at byte %d of %d", x.Name, typeName(x.Type), x.Offset, len(m.Contents))
		}
		value = configValue(t, value)
		if err := putBits(m.Contents[x.Offset:], 0, 8*size, value); err != nil {
			return failure(`section ".kconfig"`, "%s %w", x.Name, err)
		}
	}
	return nil
}

// configValue is a value of the configuration in a program's type for it, as libbpf has
// it: a bool, a char ('y') or an enum libbpf_tristate (TRI_YES, which is 2).
func configValue(t btf.Type, value uint64) uint64 {
	switch {
	case isBool(t):
		return min(value, 1)
	case value != yes:
		return value
	}
	switch t := t.(type) {
	case *btf.Enum:
		return 2
	case *btf.Int:
		if t.Size == 1 {
			return 'y'
		}
	}
	return 1
}

func isBool(t btf.Type) bool {
	i, ok := t.(*btf.Int)
	return ok && i.Encoding&btf.Bool != 0
}

// extern resolves a reference to something outside of the object.
func (l *linker) extern(n *node, name string) {
	x := l.ext[name]
	_, known := config[name]
	isLoad := n.Slots() == 2
	kfunc, there := helper.Kfunc(name)
	there = there && l.opts.Helper(kfunc.ID)
	switch {
	case x == nil:
		n.bad = &refusal{fmt.Sprintf("%s is not among the symbols", name), ""}
	case x.Config && isLoad && (known || x.Weak):
		l.data(n, ".kconfig", x.Offset)
	case x.Config:
		n.bad = &refusal{fmt.Sprintf("%s: a process does not know how its kernel was configured", name),
			"declare it __weak and it is 0"}
	case isLoad && there: // to see whether it is
		n.Src, n.Imm = 0, 1
	case there:
		n.Src, n.Imm = 0, int64(kfunc.ID)
	case isLoad && x.Weak:
		n.Src, n.Imm = 0, 0
	case isLoad:
		n.bad = &refusal{fmt.Sprintf("%s is a symbol of the kernel, which is not there", name), "declare it __weak and it is 0"}
	default:
		n.bad = &refusal{fmt.Sprintf("%s is neither in this object nor a helper: functions of the kernel (kfuncs) cannot be called from a process", name),
			"declare it __weak, and call it where bpf_ksym_exists says so"}
	}
}
