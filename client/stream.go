package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// message is one of a stream of server-sent events (HTML Living Standard, section 9.2).
type message struct{ id, kind, data string }

// mostMessage is the longest line of a stream, in bytes.
const mostMessage = 4 << 20

// eachMessage hands over the messages of a stream until each wants no more or the stream ends, which is an error. alive hears of
// each line, comments too. A message that the end cut off is not handed over.
func eachMessage(stream io.Reader, alive func(), each func(message) (more bool, err error)) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, mostMessage)
	var m message
	var data []string
	for lines.Scan() {
		alive()
		line := lines.Text()
		if line == "" {
			m.data = strings.Join(data, "\n")
			if data != nil {
				if more, err := each(m); err != nil || !more {
					return err
				}
			}
			m, data = message{id: m.id}, nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			m.kind = value
		case "data":
			data = append(data, value)
		case "id":
			m.id = value
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: an event has more than %d bytes", ErrUnreadable, mostMessage)
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	return io.EOF
}
