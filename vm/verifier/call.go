package verifier

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpftime-go/bpftime/vm"
	"github.com/bpftime-go/bpftime/vm/helper"
)

// call checks a call and forgets what the callee may change.
func (c *checker) call(i int, in vm.Instruction, s *state) (err error) {
	result := pointer{}
	args := [5]pointer(s.regs[vm.R1 : vm.R5+1])
	switch {
	case in.IsLocalCall():
		c.enter(c.prog.Target(i), args)
		if slices.ContainsFunc(args[:], mayBeFrame) {
			s.slots = nil
		}
	case in.IsHelperCall():
		result, err = c.help(i, int32(in.Imm), s)
	default:
		s.slots = nil
	}
	for r := vm.R1; r <= vm.R5; r++ {
		s.regs[r] = pointer{base: number}
	}
	s.regs[vm.R0] = result
	return err
}

func mayBeFrame(p pointer) bool { return p.base == unknown || p.base == frame }

// help checks what a helper is given, and says what it returns.
func (c *checker) help(i int, id int32, s *state) (pointer, error) {
	proto, known := helper.ByID(id)
	if !known {
		s.slots = nil
		return pointer{}, nil
	}
	given := pointer{} // the map
	for k, arg := range proto.Args {
		p := s.regs[int(vm.R1)+k]
		if arg.Kind() == helper.ConstMapPtr {
			given = p
		}
		if err := c.argument(i, proto, k, p); err != nil {
			return pointer{}, err
		}
	}
	c.callback(proto, given, s)
	for k, arg := range proto.Args {
		if p := s.regs[int(vm.R1)+k]; writable(arg) && mayBeFrame(p) {
			s.overwritten(p)
		}
	}
	return c.result(proto, given), nil
}

// argument checks what a helper is given in r1+k.
func (c *checker) argument(i int, proto helper.Proto, k int, p pointer) error {
	arg := proto.Args[k]
	switch arg.Kind() {
	case helper.ConstMapPtr:
		return c.givenMap(i, proto.ID, k, p)
	case helper.PtrToFunc:
		if p.base != function || !c.isFunction(p.off) {
			return c.refuse(i, "r%d is not the address of a function", k+1)
		}
	}
	if p.base == mapValue || p.base == folded {
		return c.access(i, p.somewhere(), 0, 0, accessOf(arg))
	}
	return nil
}

// accessOf is what a helper does to memory it is given.
func accessOf(arg helper.Arg) access {
	switch arg.Kind() {
	case helper.PtrToMapKey:
		return reads
	case helper.PtrToMapValue, helper.PtrToMem, helper.PtrToFixedMem:
		if arg.Has(helper.Uninit) {
			return writes
		}
		return reads
	}
	return 0
}

// givenMap checks the map that a helper is given, as far as it is known
// (check_map_func_compatibility, record_func_map).
func (c *checker) givenMap(i int, id int32, k int, p pointer) error {
	switch p.base {
	case mapAddress:
	case unknown, number:
		return nil // the helper looks for itself
	default:
		return c.refuse(i, "%s wants a map in r%d", helper.Describe(id), k+1)
	}
	for _, index := range c.sets[p.maps] {
		switch m := c.maps[index]; {
		case m.Type != 0 && !helper.TakesMap(id, m.Type):
			return c.refuse(i, "%s cannot be given %s of type %s: it takes %s", helper.Describe(id), c.name(index), helper.MapTypeName(m.Type), typesOf(id))
		case m.Flags&readOnlyProg != 0 && slices.Contains(changing, id):
			return c.refuse(i, "%s changes %s, which programs may only read", helper.Describe(id), c.name(index))
		}
	}
	return nil
}

// changing are bpf_map_update_elem, delete, push and pop.
var changing = []int32{2, 3, 87, 88}

// typesOf names the types of maps that a helper takes.
func typesOf(id int32) string {
	var names []string
	for _, t := range helper.MapsOf(id) {
		names = append(names, helper.MapTypeName(t))
	}
	return strings.Join(names, ", ")
}

// name is a map's in a message.
func (c *checker) name(index int32) string {
	if name := c.maps[index].Name; name != "" {
		return fmt.Sprintf("map %q", name)
	}
	return fmt.Sprintf("map %d", index)
}

// callback enters the function that a helper calls back. bpf_for_each_map_elem gives it
// the map and a value of it.
func (c *checker) callback(proto helper.Proto, given pointer, s *state) {
	k := slices.Index(proto.Args, helper.PtrToFunc)
	if k < 0 {
		return
	}
	s.slots = nil // it may have got a pointer to them
	args := argsOfCallback(proto.ID, given)
	if at := s.regs[int(vm.R1)+k].off; at != anyFunction {
		c.enter(int(at), args)
		return
	}
	for _, f := range c.prog.Functions() {
		if f.Referenced {
			c.enter(f.Start, [5]pointer{})
		}
	}
}

func argsOfCallback(id int32, given pointer) (args [5]pointer) {
	data := pointer{base: memory, vague: true} // the caller's, or a helper's
	switch {
	case id == loop:
		args[0], args[1] = pointer{base: number}, data
	case id == forEachMapElem && given.base == mapAddress:
		args[0], args[1], args[2], args[3] = given, data, pointer{base: mapValue, maps: given.maps, vague: true}, data
	}
	return args
}

const (
	loop           = 181
	forEachMapElem = 164
	lookupPerCPU   = 195
)

// result is what a helper returns; of a map of maps a lookup gives a map. Where in a
// value accesses may be depends on branches, which are not followed: so of one that was
// looked up it is not asked.
func (c *checker) result(proto helper.Proto, given pointer) pointer {
	switch proto.Ret {
	case helper.PtrToRingbufMemOrNull, helper.PtrToDynptrMemOrNull, helper.PtrToTaskRet, helper.PtrToCookie:
		return pointer{base: memory, vague: true}
	case helper.PtrToMapValueOrNull:
		if proto.ID == lookupPerCPU {
			return pointer{base: folded, vague: true}
		}
		if given.base == mapAddress {
			return c.found(given)
		}
	case helper.Integer, helper.PtrToArena:
		return pointer{base: number}
	}
	return pointer{}
}

func (c *checker) found(given pointer) pointer {
	set := c.sets[given.maps]
	first := c.maps[set[0]]
	switch {
	case !slices.ContainsFunc(set, func(m int32) bool { return c.maps[m].refers() }):
		return pointer{base: mapValue, maps: given.maps, vague: true}
	case first.Inner == nil || len(set) > 1:
		return pointer{}
	}
	return pointer{base: mapAddress, maps: int32(slices.Index(c.maps, first.Inner))}
}

func (m *Map) refers() bool { return m.Type == typeArrayOfMaps || m.Type == typeHashOfMaps }

// overwritten is a helper's writing at p and behind it.
func (s *state) overwritten(p pointer) {
	if p.base != frame || p.vague {
		s.slots = nil
		return
	}
	s.forget(p.off, 0)
}

func (c *checker) isFunction(at int64) bool {
	if at == anyFunction {
		return true
	}
	return at >= 0 && at < int64(c.prog.Len()) && c.prog.Functions()[c.prog.FunctionOf(int(at))].Start == int(at)
}
