//go:build ignore

// gen writes calls.txt: a line for each system call, NUMBER NAME EVENT ARGUMENTS with tabs
// between. EVENT is empty for a number that no kernel of today serves. What a kernel says
// about arguments is asked only with -tracefs DIR: its configuration is not everybody's.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type call struct {
	number           int
	name, event, arg string
}

const table = "calls.txt"

var (
	define = regexp.MustCompile(`(?m)^#define __NR_(\w+) (\d+)$`)
	field  = regexp.MustCompile(`(?m)^\tfield:(.*) (\w+);\toffset:(\d+);`)
)

var tracefs = flag.String("tracefs", "", "where it is mounted, such as /sys/kernel/tracing")

func main() {
	flag.Parse()
	calls := map[int]*call{}
	for _, m := range define.FindAllStringSubmatch(string(read(header())), -1) {
		n := number(m[2])
		calls[n] = &call{number: n, name: m[1]}
	}
	for _, c := range lines("more.txt") {
		calls[c.number] = &c
	}
	old := lines(table)
	for _, c := range calls {
		c.learn(old)
	}
	write(calls)
}

// header is where this machine's compiler has it.
func header() string {
	machine, err := exec.Command("gcc", "-dumpmachine").Output()
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join("/usr/include", strings.TrimSpace(string(machine)), "asm/unistd_64.h")
}

// learn takes event and arguments from tracefs, or else from what was known before.
func (c *call) learn(old []call) {
	event := c.event
	if event == "" {
		event = c.name
	}
	format, err := os.ReadFile(filepath.Join(*tracefs, "events/syscalls/sys_enter_"+event, "format"))
	if *tracefs != "" && err == nil {
		c.event, c.arg = event, arguments(string(format))
		return
	}
	i := slices.IndexFunc(old, func(o call) bool { return o.number == c.number && o.name == c.name })
	if i >= 0 && c.arg == "" {
		c.event, c.arg = old[i].event, old[i].arg
	}
}

// arguments are the fields behind the number of the call.
func arguments(format string) string {
	var out []string
	for _, m := range field.FindAllStringSubmatch(format, -1) {
		if number(m[3]) >= 16 {
			out = append(out, m[1]+" "+m[2])
		}
	}
	return strings.Join(out, ", ")
}

func lines(file string) (out []call) {
	text, err := os.ReadFile(file)
	if err != nil && file != table {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(f) == 4 {
			out = append(out, call{number(f[0]), f[1], f[2], f[3]})
		}
	}
	return out
}

func write(calls map[int]*call) {
	var out strings.Builder
	for n := range 4096 {
		if c := calls[n]; c != nil {
			fmt.Fprintf(&out, "%d\t%s\t%s\t%s\n", c.number, c.name, c.event, c.arg)
		}
	}
	if err := os.WriteFile(table, []byte(out.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}

func read(file string) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		log.Fatal(err)
	}
	return n
}
