package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"espalier.dev/espalier/internal/settings"
)

func (p Program) exporting() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "export DIR",
		Short: "Write every document of a running server into a folder",
		Long: "Writes a file <aa-bb-cc-dd-ee-ff>.json for each device, with the bytes of its document: what import reads. Only\n" +
			"you may read the files, for documents hold passwords.",
		Args: oneArgument("DIR"),
	}
	cmd.Flags().BoolVar(&force, "force", false, "write into a folder that is not empty, over files of the same names; others are left, and named")
	settings.Flags(cmd.Flags(), "SERVER_URL", "ADMIN_TOKEN")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := p.connect(cmd)
		if err != nil {
			return err
		}
		defer c.Close()
		dir := args[0]
		if err := prepare(dir, force); err != nil {
			return err
		}
		written := map[string]bool{}
		err = c.Export(cmd.Context(), func(mac string, content []byte) error {
			name, err := writeDocument(dir, mac, content)
			if err != nil {
				return err
			}
			written[name] = true
			return nil
		})
		if err != nil {
			return fmt.Errorf("the export ended after %s: %w", count(len(written), "document", "documents"), err)
		}
		if _, err := fmt.Fprintf(p.Stdout, "Exported %s to %s\n", count(len(written), "document", "documents"), dir); err != nil {
			return err
		}
		return p.reportLeft(dir, written)
	}
	return cmd
}

// prepare makes the folder, and refuses one that has something in it.
func prepare(dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the export: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the folder of the export: %w", err)
	}
	if len(entries) > 0 && !force {
		return &refusedError{fmt.Sprintf("%s is not empty; choose another folder, or --force to write over files of the same names", dir)}
	}
	return nil
}

// reportLeft names the documents of an earlier export that this one did not write over: import would bring them back.
func (p Program) reportLeft(dir string, written map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the folder of the export: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if isJSON(name) && looksLikeMAC(stem(name)) && !written[name] {
			fmt.Fprintf(p.Stderr, "espalier: %s is left from before: no device of the server has a file of that name, and import would read it\n", name)
		}
	}
	return nil
}

// writeDocument writes a file whole or not at all, and answers its name. That is made of a MAC address in its normal form
// alone: a server that answers anything else must not choose where it is written.
func writeDocument(dir, mac string, content []byte) (name string, err error) {
	name = strings.ReplaceAll(mac, ":", "-") + ".json"
	if len(mac) != 17 || strings.Count(mac, ":") != 5 || !looksLikeMAC(mac) {
		return "", fmt.Errorf("the server names a device %.40q, which is no MAC address", mac)
	}
	file, err := os.CreateTemp(dir, ".espalier-*")
	if err != nil {
		return "", fmt.Errorf("write a document: %w", err)
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return "", fmt.Errorf("write the document of %s: %w", mac, errors.Join(err, os.Remove(file.Name())))
	}
	return name, nil
}
