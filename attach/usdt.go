package attach

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/maps"
	"github.com/bpftime-go/bpftime/vm/object"
)

// usdtSpecs is the map of libbpf's usdt.bpf.h in which a program finds where the
// arguments of a marker are. What bpf_get_attach_cookie returns is the number of an
// element; the cookie of the user is in the element (bpf_usdt_cookie).
//
// libbpf gives the numbers out by itself. Here any process of the session may need
// one at any time, so equal elements have one number, and what has a number keeps
// it: maps.Intern. What an element looks like is asked of the object's own types,
// since libbpf has changed it.
type usdtSpecs struct {
	path  string
	value btf.Type
	size  uint32
}

const usdtSpecsMap = "__bpf_usdt_specs"

// usdtSpecs is the object's map if it is among those that a program uses.
func (l *loaded) usdtSpecs(used []int) *usdtSpecs {
	for _, i := range used {
		if m := l.Maps[i]; m.Name == usdtSpecsMap {
			return &usdtSpecs{l.c.plan.Maps[l.planned[i]-1].Path, m.Value, m.ValueSize}
		}
	}
	return nil
}

// markers adds the binding to every place of its marker in the module.
func (c *compiler) markers(b binding, m *elfsym.Module) {
	if m.File == nil {
		c.fail(b, m.Err)
		return
	}
	found, err := m.File.LookupUSDT(b.spec.Provider, b.spec.Name)
	if err != nil {
		c.fail(b, err)
		return
	}
	cookies, err := c.describe(b, found)
	if err != nil {
		c.fail(b, err)
		return
	}
	for i, u := range found {
		if err := semaphoreError(m, u.Semaphore); err != nil {
			c.fail(b, fmt.Errorf("%s+%#x: %w", m.Path, u.Addr, err))
			continue
		}
		b.cookie, b.inside = cookies[i], !beginsFunction(m.File, u.Addr)
		if p := c.add(b, m, u.Addr); u.Semaphore != 0 {
			p.semaphores = append(p.semaphores, u.Semaphore)
		}
	}
}

// beginsFunction: a marker there is probed together with the function.
func beginsFunction(f *elfsym.File, addr uint64) bool {
	fn, ok := f.FuncAt(addr)
	return ok && fn.Lo == addr
}

// semaphoreError says why no u16 of the file's writable data can lie there; 0 is none.
// Whoever applies the plan looks again, and could only refuse all of it.
func semaphoreError(m *elfsym.Module, vaddr uint64) error {
	if vaddr == 0 {
		return nil
	}
	if vaddr%2 != 0 || !m.File.Writable(vaddr, 2) {
		return fmt.Errorf("its semaphore would be at %#x, which is no data that may be written", vaddr)
	}
	for _, v := range m.Mappings {
		if at := m.Bias + vaddr; at >= v.Lo && at < v.Hi && (!v.Read || !v.Write || v.Exec || v.Shared) {
			return fmt.Errorf("the page of its semaphore is %s, not private writable data of the file", v.Perms())
		}
	}
	return nil
}

// describe returns what bpf_get_attach_cookie says at each place: the number of its
// description, or the user's cookie where the program asks for none.
func (c *compiler) describe(b binding, found []elfsym.USDT) ([]uint64, error) {
	out := make([]uint64, len(found))
	if b.code.specs == nil {
		for i := range out {
			out[i] = b.cookie
		}
		return out, nil
	}
	var values [][]byte
	for _, u := range found {
		v, err := c.encodeUSDT(b, u)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	ids, err := maps.Intern(b.code.specs.path, values)
	if errors.Is(err, unix.ENOSPC) {
		err = fmt.Errorf("%w: define BPF_USDT_MAX_SPEC_CNT before including usdt.bpf.h, or set max_entries of %s in the manifest", err, usdtSpecsMap)
	}
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		out[i] = uint64(id)
	}
	return out, nil
}

// members are those of a struct, as far as they are not zero.
type members = []object.Constant

// unreadable is a kind of argument for which bpf_usdt_arg returns -EINVAL.
const unreadable = uint64(0xff)

// encodeUSDT writes a struct __bpf_usdt_spec. No such struct is all zeros, which is
// a free element: what is behind the last argument is looked at by nobody.
func (c *compiler) encodeUSDT(b binding, u elfsym.USDT) ([]byte, error) {
	specs := b.code.specs
	room, err := specs.room()
	if err != nil {
		return nil, err
	}
	var args []any
	for i, a := range u.Args[:min(len(u.Args), room)] {
		arg := usdtArg(a)
		if err := specs.try(arg); err != nil || a.Err != nil {
			c.unreadable(b, i, a, err)
			arg = members{{Name: "arg_type", Value: unreadable}}
		}
		args = append(args, arg)
	}
	spec := members{{Name: "usdt_cookie", Value: b.cookie}, {Name: "arg_cnt", Value: uint64(len(args))}}
	for len(args) < room {
		args = append(args, members{{Name: "val_off", Value: uint64(1)}})
	}
	return specs.encode(append(spec, object.Constant{Name: "args", Value: args}))
}

func (s *usdtSpecs) encode(v members) ([]byte, error) {
	out := make([]byte, s.size)
	if err := object.Encode(out, s.value, v); err != nil {
		return nil, fmt.Errorf("%s: its value %w: include libbpf's usdt.bpf.h", usdtSpecsMap, err)
	}
	return out, nil
}

// try tells whether the object's struct can say where an argument is.
func (s *usdtSpecs) try(arg members) error {
	_, err := s.encode(members{{Name: "args", Value: []any{arg}}})
	return err
}

// room is how many arguments the object's struct has.
func (s *usdtSpecs) room() (int, error) {
	if t, ok := btf.UnderlyingType(s.value).(*btf.Struct); ok {
		for _, m := range t.Members {
			if args, ok := btf.UnderlyingType(m.Type).(*btf.Array); ok && m.Name == "args" && args.Nelems < 1<<10 {
				return int(args.Nelems), nil
			}
		}
	}
	return 0, fmt.Errorf("%s: its value is no struct with args: include libbpf's usdt.bpf.h", usdtSpecsMap)
}

func (c *compiler) unreadable(b binding, n int, a elfsym.USDTArg, err error) {
	switch {
	case a.Err != nil:
		err = a.Err
	case a.Index != "":
		err = fmt.Errorf("%s has two registers; the object's usdt.bpf.h knows one, a newer libbpf's knows both", a.Text)
	}
	c.Log(abi.LEVEL_INFO, fmt.Sprintf("%s: bpf_usdt_arg says -EINVAL for argument %d: %v", b.spec, n, err))
}

// usdtArg is the struct __bpf_usdt_arg_spec of an argument.
func usdtArg(a elfsym.USDTArg) members {
	out := members{
		{Name: "val_off", Value: uint64(a.Value)},
		{Name: "arg_signed", Value: a.Signed},
		{Name: "arg_bitshift", Value: uint64(64 - 8*a.Size)},
	}
	reg := uint64(registerAt[a.Base])
	if a.High {
		reg++
	}
	switch {
	case a.Kind == elfsym.USDTConst:
		return append(out, object.Constant{Name: "arg_type", Value: "BPF_USDT_ARG_CONST"})
	case a.Kind == elfsym.USDTReg:
		return append(out, object.Constant{Name: "arg_type", Value: "BPF_USDT_ARG_REG"}, object.Constant{Name: "reg_off", Value: reg})
	case a.Index == "":
		return append(out, object.Constant{Name: "arg_type", Value: "BPF_USDT_ARG_REG_DEREF"}, object.Constant{Name: "reg_off", Value: reg})
	}
	return append(out, object.Constant{Name: "arg_type", Value: "BPF_USDT_ARG_SIB"}, object.Constant{Name: "reg_off", Value: reg},
		object.Constant{Name: "idx_reg_off", Value: uint64(registerAt[a.Index])}, object.Constant{Name: "scale_bitshift", Value: uint64(a.Shift)})
}

// registerAt is where a register lies in the context.
var registerAt = map[string]int{
	"rax": abi.PT_RAX, "rbx": abi.PT_RBX, "rcx": abi.PT_RCX, "rdx": abi.PT_RDX, "rsi": abi.PT_RSI, "rdi": abi.PT_RDI,
	"rbp": abi.PT_RBP, "rsp": abi.PT_RSP, "r8": abi.PT_R8, "r9": abi.PT_R9, "r10": abi.PT_R10, "r11": abi.PT_R11,
	"r12": abi.PT_R12, "r13": abi.PT_R13, "r14": abi.PT_R14, "r15": abi.PT_R15, "rip": abi.PT_RIP,
}
