package main

import (
	"fmt"
	"strings"

	"github.com/bpftime-go/bpftime/config"
)

// gadgets are the built-in objects, as the agent knows them.
var gadgets = []struct{ name, args, short string }{
	{"funccount", "SPEC…", "how often functions are called, or return"},
	{"funcsum", "SPEC…", "the sum of the first argument, or of the result"},
}

func gadgetNames() (out []string) {
	for _, g := range gadgets {
		out = append(out, g.name)
	}
	return out
}

func isGadget(name string) bool {
	for _, g := range gadgets {
		if g.name == name {
			return true
		}
	}
	return false
}

func gadgetHelp() string {
	var b strings.Builder
	for _, g := range gadgets {
		fmt.Fprintf(&b, "  %-20s %s\n", g.name+" "+g.args, g.short)
	}
	b.WriteString("\nSPEC is uprobe/PATH:SYMBOL or uretprobe/PATH:SYMBOL; PATH is absolute, or a library's\nname (libc), or /proc/self/exe.\n")
	return b.String()
}

// gadgetManifest is the manifest of one gadget.
func gadgetManifest(name string, args []string) (*config.Manifest, error) {
	if !isGadget(name) {
		return nil, usage("unknown gadget %q%s", name, didYouMean("", name, gadgetNames()))
	}
	if len(args) == 0 {
		return nil, usage("%s needs something to attach to: run %[1]s uprobe/libc:malloc -- CMD", name)
	}
	for _, a := range args {
		if _, err := config.ParseSpec(a); err != nil {
			return nil, usage("%s: %w", name, err)
		}
	}
	return &config.Manifest{Objects: []config.Object{{Gadget: name, Args: args}}}, nil
}
