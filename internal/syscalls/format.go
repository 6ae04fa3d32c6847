package syscalls

import (
	"fmt"
	"strings"
)

// Where the arguments of a call, or its result, are in what a tracepoint program is given:
// behind struct trace_entry and the number.
const (
	argsOff = 16
	argSize = 8
)

// EventID is a number for a tracepoint, as perf_event_open and common_type know them. A
// kernel gives each an odd or even one as it was linked; here the exit comes right before
// the entry, as there.
func (c Call) EventID(exit bool) int {
	id := 2*c.Number + 3
	if exit {
		id--
	}
	return id
}

// Format is what tracefs has in the file format of the call's tracepoint.
func (c Call) Format(exit bool) string {
	event := "sys_enter_" + c.Event
	fields, print := c.enterFields()
	if exit {
		event = "sys_exit_" + c.Event
		fields, print = entryField("long", "ret", argsOff, argSize, true), `"0x%lx", REC->ret`
	}
	return head(event, c.EventID(exit)) + entryField("int", "__syscall_nr", 8, 4, true) + fields + "\nprint fmt: " + print + "\n"
}

func head(event string, id int) string {
	return fmt.Sprintf("name: %s\nID: %d\nformat:\n", event, id) +
		entryField("unsigned short", "common_type", 0, 2, false) +
		entryField("unsigned char", "common_flags", 2, 1, false) +
		entryField("unsigned char", "common_preempt_count", 3, 1, false) +
		entryField("int", "common_pid", 4, 4, true) + "\n"
}

// enterFields are the arguments: each takes eight bytes, whatever it is.
func (c Call) enterFields() (fields, print string) {
	var b, names, values strings.Builder
	for i, a := range c.Args() {
		b.WriteString(entryField(a.Type, a.Name, argsOff+argSize*i, argSize, false))
		if i > 0 {
			names.WriteString(", ")
		}
		fmt.Fprintf(&names, "%s: 0x%%08lx", a.Name)
		fmt.Fprintf(&values, ", ((unsigned long)(REC->%s))", a.Name)
	}
	return b.String(), `"` + names.String() + `"` + values.String()
}

func entryField(typ, name string, offset, size int, signed bool) string {
	sign := 0
	if signed {
		sign = 1
	}
	return fmt.Sprintf("\tfield:%s %s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", typ, name, offset, size, sign)
}
