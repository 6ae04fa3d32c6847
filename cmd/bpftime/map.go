package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/maps"
)

// mapOptions are the flags of the map commands.
type mapOptions struct {
	session string
	asJSON  bool
}

func mapCommand() *cobra.Command {
	return group("map", "Maps of sessions", "  bpftime map list\n  bpftime map dump latency.starts\n  bpftime map update -s web config 0 1",
		mapListCommand(), mapDumpCommand(), mapLookupCommand(), mapUpdateCommand(), mapDeleteCommand())
}

const mapHelp = `
MAP is [SESSION/][OBJECT.]NAME; what is unambiguous may be left out.`

const keyHelp = mapHelp + `
KEY and VALUE are written as their types ask for: a number (7, -1, 0x2a), true
or false, the name of an enumeration's value, text for an array of char, JSON
for arrays and structs ({"pid": 7, "comm": "sh"}), hex:0a0b for any bytes.
The values of a prog_array are names of programs, those of maps of maps of maps.
Negative numbers stand behind --.`

func (o *mapOptions) command(use, short, long, example string, args []string, run func(c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: short + "." + long, Example: example, Args: exactArgs(args...), RunE: run,
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			ms, err := openAllMaps(o.session)
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			defer closeMaps(ms)
			return withPrefix(mapNames(ms), word), cobra.ShellCompDirectiveNoFileComp
		},
	}
	sessionFlag(c, &o.session, ", only this one")
	return c
}

func mapListCommand() *cobra.Command {
	var o mapOptions
	c := o.command("list", "Maps with their types and sizes", "", "  bpftime map list\n  bpftime map list -s web --json", nil,
		func(c *cobra.Command, _ []string) error {
			ms, err := openAllMaps(o.session)
			if err != nil {
				return err
			}
			defer closeMaps(ms)
			if !o.asJSON {
				return printMapList(c.OutOrStdout(), ms)
			}
			views := []mapView{}
			for _, m := range ms {
				views = append(views, m.view(false))
			}
			return printJSON(c.OutOrStdout(), map[string]any{"maps": views})
		})
	c.ValidArgsFunction = cobra.NoFileCompletions
	jsonFlag(c, &o.asJSON)
	return c
}

func printMapList(w io.Writer, ms []*openMap) error {
	if len(ms) == 0 {
		_, err := fmt.Fprintln(w, "no maps")
		return err
	}
	t := show.Table{Columns: []string{"TYPE", "KEY", "VALUE", ">ENTRIES", ">BYTES", "SESSION", "MAP"}}
	for _, m := range ms {
		s := m.Spec()
		key, value := typeName(m.key, s.KeySize), typeName(m.value, s.ValueSize)
		switch {
		case s.Type.HasRecords() || m.isArena():
			key, value = "-", "-"
		case s.Type.Refers():
			value = "map"
			if s.Type == maps.ProgArray {
				value = "program"
			}
			if !m.isHash() {
				key = "u32"
			}
		case s.Type.Keyless():
			key = "-"
		case !m.isHash():
			key = "u32"
		}
		t.Add(s.Type, key, value, s.MaxEntries, s.Size(), m.session, m.name)
	}
	return t.Print(w)
}

func mapDumpCommand() *cobra.Command {
	var o mapOptions
	c := o.command("dump MAP", "All entries of a map", mapHelp, "  bpftime map dump starts\n  bpftime map dump web/latency.starts --json", []string{"MAP"},
		func(c *cobra.Command, args []string) error {
			m, err := findMap(o.session, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if m.Spec().Type.HasRecords() {
				return fmt.Errorf("%s is a ring buffer: bpftime events shows its records", m.name)
			}
			if o.asJSON {
				return printJSON(c.OutOrStdout(), m.view(true))
			}
			return m.print(c.OutOrStdout(), 0)
		})
	jsonFlag(c, &o.asJSON)
	return c
}

func mapLookupCommand() *cobra.Command {
	var o mapOptions
	c := o.command("lookup MAP KEY", "The value of a key", keyHelp, "  bpftime map lookup starts 4711\n  bpftime map lookup counts '{\"comm\": \"sort\"}' --json", []string{"MAP", "KEY"},
		func(c *cobra.Command, args []string) error {
			m, err := findMap(o.session, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			key, err := m.encodeKey(args[1])
			if err != nil {
				return err
			}
			values, err := m.Lookup(key)
			if err != nil {
				return m.explain(err, args[1])
			}
			e := m.entry(key, values)
			if o.asJSON {
				return printJSON(c.OutOrStdout(), e.view())
			}
			return m.printValue(c.OutOrStdout(), e)
		})
	jsonFlag(c, &o.asJSON)
	return c
}

// printValue writes a value without its key.
func (m *openMap) printValue(w io.Writer, e entry) error {
	found, rest := show.Histograms(e.value)
	if rest != nil {
		if _, err := fmt.Fprintln(w, show.Clean(show.Text(rest))); err != nil {
			return err
		}
	}
	for _, h := range found {
		if err := show.Log2(w, h.Counts, show.Unit(h.Name+" "+m.shortName())); err != nil {
			return err
		}
	}
	return nil
}

func mapUpdateCommand() *cobra.Command {
	var o mapOptions
	var noExist, exist bool
	c := o.command("update MAP KEY VALUE", "Set the value of a key", keyHelp, "  bpftime map update config 0 1\n  bpftime map update -s web limits '\"sort\"' '{\"max\": 10}'", []string{"MAP", "KEY", "VALUE"},
		func(_ *cobra.Command, args []string) error {
			flags := uint64(maps.Any)
			switch {
			case noExist && exist:
				return usage("--noexist and --exist exclude each other")
			case noExist:
				flags = maps.NoExist
			case exist:
				flags = maps.Exist
			}
			return o.change(args[0], args[1], func(m *openMap, w *maps.Map, key []byte) error {
				value, err := m.encodeValue(args[2])
				if err != nil {
					return err
				}
				return w.Update(key, value, flags)
			})
		})
	c.Flags().BoolVar(&noExist, "noexist", false, "only if the key is not there")
	c.Flags().BoolVar(&exist, "exist", false, "only if the key is there")
	return c
}

func mapDeleteCommand() *cobra.Command {
	var o mapOptions
	return o.command("delete MAP KEY", "Delete a key", keyHelp, "  bpftime map delete starts 4711", []string{"MAP", "KEY"},
		func(_ *cobra.Command, args []string) error {
			return o.change(args[0], args[1], func(_ *openMap, w *maps.Map, key []byte) error { return w.Delete(key) })
		})
}

// change opens a map for writing.
func (o *mapOptions) change(name, keyText string, do func(m *openMap, w *maps.Map, key []byte) error) error {
	m, err := findMap(o.session, name)
	if err != nil {
		return err
	}
	defer m.Close()
	key, err := m.encodeKey(keyText)
	if err != nil {
		return err
	}
	w, err := maps.OpenWriter(m.path)
	if err != nil {
		return err
	}
	defer w.Close()
	return m.explain(do(m, w, key), keyText)
}

func (m *openMap) encodeKey(text string) ([]byte, error) {
	if m.Spec().Type.HasRecords() {
		return nil, fmt.Errorf("%s is a ring buffer, it has no keys: bpftime events shows its records", m.name)
	}
	if t := m.Spec().Type; t.Keyless() {
		return nil, fmt.Errorf("%s is a %v, which has no keys: bpftime map dump shows its elements", m.name, t)
	}
	if m.isArena() {
		return nil, fmt.Errorf("%s is an arena, which has no keys: bpftime map dump shows what is in it", m.name)
	}
	key, err := show.Encode(m.key, int(m.Spec().KeySize), text)
	if err != nil {
		return nil, fmt.Errorf("%s: key: %w", m.name, err)
	}
	return key, nil
}

// explain says in words what the kernel's error numbers mean here.
func (m *openMap) explain(err error, key string) error {
	switch s := m.Spec(); {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT) && s.Type.Refers():
		return fmt.Errorf("%s has no entry %s", m.name, key)
	case errors.Is(err, unix.EINVAL) && s.Type.Refers() && !m.isHash():
		return fmt.Errorf("%s is changed with neither --noexist nor --exist", m.name)
	case errors.Is(err, unix.ENOENT) && !m.isHash(), errors.Is(err, unix.E2BIG) && !m.isHash():
		return fmt.Errorf("%s has the keys 0 to %d, not %s", m.name, s.MaxEntries-1, key)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%s has no key %s", m.name, key)
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%s has the key %s already", m.name, key)
	case errors.Is(err, unix.E2BIG):
		return fmt.Errorf("%s is full: it has %d entries; delete some, or set max_entries in the manifest", m.name, s.MaxEntries)
	case errors.Is(err, unix.EINVAL) && !m.isHash():
		return fmt.Errorf("%s is an array: its keys cannot be deleted, set the value to 0", m.name)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s holds constants, which nobody changes", m.name)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s: programs change the same part of it all the time: try again", m.name)
	}
	return err
}
