// Package sample is a fleet to look at: the 24 devices that `espalier db load-test-data` loads. They are of eight
// kinds, three of each, and written in as many ways as people write JSON, so that whoever loads them also sees
// that every byte comes back.
//
// It may import package fleet. Start reading at [Items]; the documents are the files in devices, one for each device,
// named by its MAC address. The addresses are locally administered, so that they belong to no device on sale.
package sample

import (
	"embed"
	"path"
	"strings"

	"espalier.dev/espalier/internal/fleet"
)

//go:embed devices/*.json
var devices embed.FS

// Items are the documents of the fleet, by MAC address. Each call answers a copy of its own.
func Items() []fleet.Item {
	const dir = "devices"
	entries, err := devices.ReadDir(dir)
	if err != nil {
		panic(err) // the directory is part of the program
	}
	items := make([]fleet.Item, 0, len(entries))
	for _, entry := range entries {
		content, err := devices.ReadFile(path.Join(dir, entry.Name()))
		if err != nil {
			panic(err)
		}
		items = append(items, fleet.Item{
			Source:  entry.Name(),
			MAC:     strings.TrimSuffix(entry.Name(), ".json"),
			Content: content,
		})
	}
	return items
}
