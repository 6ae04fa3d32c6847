package object

import (
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/bpftime-go/bpftime/vm/helper"
)

// KernelVersion is what LINUX_KERNEL_VERSION says: the Linux whose rules hold
// here, 6.18.
const KernelVersion = 6<<16 | 18<<8

// The types of a kernel that programs here may ask about (CO-RE): what they are
// given as context, and what there is to ask for. There is no kernel behind
// them. A type or member that is not here does not exist.
var (
	long  = &btf.Int{Name: "unsigned long", Size: 8}
	wide  = &btf.Int{Name: "unsigned long long", Size: 8}
	word  = &btf.Int{Name: "unsigned int", Size: 4}
	short = &btf.Int{Name: "unsigned short", Size: 2}
	octet = &btf.Int{Name: "unsigned char", Size: 1}
	sint  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	slong = &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	char  = &btf.Int{Name: "char", Size: 1, Encoding: btf.Signed}
	index = word // of arrays
)

func array(of btf.Type, n uint32) *btf.Array { return &btf.Array{Index: index, Type: of, Nelems: n} }

// member names one or more members of a type.
type member struct {
	names string
	of    btf.Type
}

// structure lays members out as C does, in a struct of at least size bytes.
func structure(name string, size uint32, members ...member) *btf.Struct {
	s := &btf.Struct{Name: name}
	for _, m := range members {
		n, _ := btf.Sizeof(m.of)
		align := uint32(n)
		if a, ok := m.of.(*btf.Array); ok {
			element, _ := btf.Sizeof(a.Type)
			align = uint32(element)
		}
		if _, ok := m.of.(*btf.Struct); ok {
			align = 8
		}
		for _, name := range strings.Fields(m.names) {
			s.Size = (s.Size + align - 1) / align * align
			s.Members = append(s.Members, btf.Member{Name: name, Type: m.of, Offset: btf.Bits(s.Size * 8)})
			s.Size += uint32(n)
		}
	}
	s.Size = max((s.Size+7)&^7, size)
	return s
}

// kernelTypes makes the types anew: a btf.Spec keeps state.
//
// The members of task_struct lie as in the memory that bpf_get_current_task's result
// points to: abi.TASK_*, internal/native/bpf_current.c.
func kernelTypes(hasHelper func(int32) bool) []btf.Type {
	task := &btf.Struct{}
	*task = *structure("task_struct", 0,
		member{"pid tgid", sint},
		member{"real_parent parent group_leader", &btf.Pointer{Target: task}},
		member{"comm", array(char, 16)})
	entry := structure("trace_entry", 8, member{"type", short}, member{"flags preempt_count", octet}, member{"pid", sint})
	return []btf.Type{
		task,
		structure("pt_regs", 168, member{"r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss", long}),
		entry,
		structure("trace_event_raw_sys_enter", 64, member{"ent", entry}, member{"id", slong}, member{"args", array(long, 6)}),
		structure("trace_event_raw_sys_exit", 24, member{"ent", entry}, member{"id ret", slong}),
		structure("syscall_trace_enter", 16, member{"ent", entry}, member{"nr", sint}, member{"args", array(long, 0)}),
		structure("syscall_trace_exit", 24, member{"ent", entry}, member{"nr", sint}, member{"ret", slong}),
		structure("bpf_raw_tracepoint_args", 0, member{"args", array(wide, 0)}),
		structure("bpf_ringbuf", 8), // programs ask for it to know whether there are ring buffers
		functionIDs(hasHelper),
		mapTypeIDs(),
	}
}

// functionIDs is enum bpf_func_id: a program asks whether there is a helper.
func functionIDs(has func(int32) bool) *btf.Enum {
	e := &btf.Enum{Name: "bpf_func_id", Size: 4}
	for id := int32(1); helper.Name(id) != ""; id++ {
		if has(id) {
			e.Values = append(e.Values, btf.EnumValue{Name: "BPF_FUNC_" + helper.Name(id), Value: uint64(id)})
		}
	}
	return e
}

// mapTypeIDs is enum bpf_map_type: a program that asks whether there is one of the
// network's is told no.
func mapTypeIDs() *btf.Enum {
	e := &btf.Enum{Name: "bpf_map_type", Size: 4}
	for _, t := range helper.MapTypes() {
		e.Values = append(e.Values, btf.EnumValue{Name: "BPF_MAP_TYPE_" + strings.ToUpper(helper.MapTypeName(t)), Value: uint64(t)})
	}
	return e
}

// kernelSpec is the BTF of those types.
func kernelSpec(hasHelper func(int32) bool) (*btf.Spec, error) {
	b, err := btf.NewBuilder(kernelTypes(hasHelper), nil)
	if err != nil {
		return nil, err
	}
	return b.Spec()
}
