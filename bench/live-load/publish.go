package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const (
	soundPacket = 80
	soundEvery  = 20 * time.Millisecond
)

var startCode = []byte{0, 0, 0, 1}

// published is what a publisher has to say at its end.
type published struct {
	Pictures    int   `json:"pictures"`
	Late        int   `json:"late"`
	KeyRequests int64 `json:"key_requests"`
}

// pictures splits a byte stream into access units: the parameter sets before a picture, and the picture.
func pictures(stream []byte) (all [][][]byte) {
	var current [][]byte
	hasPicture := false
	for _, unit := range units(stream) {
		kind := unit[0] & 31
		isSlice := kind == 1 || kind == 5
		// The first slice of a picture begins with macroblock 0, which is a single bit 1.
		begins := isSlice && len(unit) > 1 && unit[1]&0x80 != 0
		if hasPicture && (begins || !isSlice) {
			all, current, hasPicture = append(all, current), nil, false
		}
		if isSlice || kind == 7 || kind == 8 {
			current = append(current, unit)
			hasPicture = hasPicture || isSlice
		}
	}
	if hasPicture {
		all = append(all, current)
	}
	return all
}

func units(stream []byte) (all [][]byte) {
	for _, unit := range bytes.Split(stream, []byte{0, 0, 1}) {
		// A zero before the next start code belongs to that.
		if unit = bytes.TrimRight(unit, "\x00"); len(unit) > 0 {
			all = append(all, unit)
		}
	}
	return all
}

// stampedPicture is a picture with the time before its first slice.
func stampedPicture(picture [][]byte, at time.Time) (data []byte) {
	stamped := false
	for _, unit := range picture {
		if kind := unit[0] & 31; !stamped && kind != 7 && kind != 8 {
			data = append(append(data, startCode...), stamp(at)...)
			stamped = true
		}
		data = append(append(data, startCode...), unit...)
	}
	return data
}

// publisher has two tracks, and counts what it is asked for, without doing it: key frames come with the file's own.
type publisher struct {
	peer           *webrtc.PeerConnection
	picture, sound *webrtc.TrackLocalStaticSample
	keyRequests    atomic.Int64
	connected      chan struct{}
}

func newPublisher() (*publisher, error) {
	api, err := engine(connected)
	if err != nil {
		return nil, err
	}
	it := &publisher{connected: make(chan struct{})}
	if it.peer, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	it.peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			close(it.connected)
		}
	})
	h264 := webrtc.RTPCodecCapability{
		MimeType:    webrtc.MimeTypeH264,
		ClockRate:   90_000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	if it.picture, err = it.add(h264, "video"); err != nil {
		return nil, err
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}
	it.sound, err = it.add(opus, "audio")
	return it, err
}

func (it *publisher) add(codec webrtc.RTPCodecCapability, id string) (*webrtc.TrackLocalStaticSample, error) {
	track, err := webrtc.NewTrackLocalStaticSample(codec, id, "lecture")
	if err != nil {
		return nil, err
	}
	direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	transceiver, err := it.peer.AddTransceiverFromTrack(track, direction)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			packets, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, isAsked := packet.(*rtcp.PictureLossIndication); isAsked {
					it.keyRequests.Add(1)
				}
			}
		}
	}()
	return track, nil
}

// speak sends the sound over and over until the connection has gone.
func (it *publisher) speak(sound []byte) {
	count := len(sound) / soundPacket
	ticks := time.NewTicker(soundEvery)
	defer ticks.Stop()
	for number := 0; ; number++ {
		place := number % count * soundPacket
		sample := media.Sample{Data: sound[place : place+soundPacket], Duration: soundEvery}
		if it.sound.WriteSample(sample) != nil {
			return
		}
		<-ticks.C
	}
}

// show sends pictures over and over until it is stopped.
func (it *publisher) show(all [][][]byte, rate int, stop <-chan struct{}) (published, error) {
	var done published
	step := time.Second / time.Duration(rate)
	first := time.Now()
	for {
		due := first.Add(time.Duration(done.Pictures) * step)
		if late := time.Since(due); late > step {
			done.Late++
		}
		select {
		case <-stop:
			done.KeyRequests = it.keyRequests.Load()
			return done, nil
		case <-time.After(time.Until(due)):
		}
		data := stampedPicture(all[done.Pictures%len(all)], time.Now())
		if err := it.picture.WriteSample(media.Sample{Data: data, Duration: step}); err != nil {
			return done, err
		}
		done.Pictures++
	}
}

func publish(o *options) (any, error) {
	stream, err := os.ReadFile(o.picture)
	if err != nil {
		return nil, err
	}
	sound, err := os.ReadFile(o.sound)
	if err != nil {
		return nil, err
	}
	all := pictures(stream)
	if len(all) == 0 || len(sound) < soundPacket {
		return nil, errors.New("nothing to publish")
	}
	it, err := newPublisher()
	if err != nil {
		return nil, err
	}
	defer it.peer.Close()
	sdp, err := offer(it.peer)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 20 * time.Second}
	session, err := agree(client, o.url, o.header(0), it.peer, sdp)
	if err != nil {
		return nil, err
	}
	defer leave(client, session, o.header(0))
	select {
	case <-it.connected:
	case <-time.After(20 * time.Second):
		return nil, errors.New("the publisher is not connected after 20 s")
	}
	fmt.Println("publishing")
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	go it.speak(sound)
	return it.show(all, o.rate, stop)
}
