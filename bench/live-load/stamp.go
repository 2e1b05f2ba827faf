package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// mark is the name of the times that the publisher writes: the UUID of unregistered user data (H.264, D.1.6).
var mark = []byte("MoocFlix's clock")

// digits are those of a time in microseconds until the year 2286.
const digits = 16

// stamp is a NAL unit of supplemental information with a time in it. It holds no zero byte, so nothing has to be escaped.
func stamp(at time.Time) []byte {
	body := fmt.Sprintf("%s%0*d", mark, digits, at.UnixMicro())
	return append(append([]byte{6, 5, byte(len(body))}, body...), 0x80)
}

// stamped reads a time that follows the mark at this place.
func stamped(data []byte, place int) (time.Time, bool) {
	begin := place + len(mark)
	if place < 0 || len(data) < begin+digits {
		return time.Time{}, false
	}
	micros, err := strconv.ParseInt(string(data[begin:begin+digits]), 10, 64)
	return time.UnixMicro(micros), err == nil
}

// packet is what a viewer learns from the payload of one RTP packet of H.264.
func packet(payload []byte) (at time.Time, timed, key bool) {
	if len(payload) < 2 {
		return
	}
	note := func(unit []byte) {
		switch unit[0] & 31 {
		case 5:
			key = true
		case 6:
			if found, ok := stamped(unit, bytes.Index(unit, mark)); ok {
				at, timed = found, true
			}
		}
	}
	switch payload[0] & 31 {
	case 24: // several units
		for rest := payload[1:]; len(rest) > 2; {
			length := int(binary.BigEndian.Uint16(rest))
			if length == 0 || len(rest) < 2+length {
				return
			}
			note(rest[2 : 2+length])
			rest = rest[2+length:]
		}
	case 28: // a piece of one; its first has the highest bit
		key = payload[1]&0x9f == 0x85
	default:
		note(payload)
	}
	return
}
