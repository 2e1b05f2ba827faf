//! Sound on its way through encoders.

use crate::make::{Bench, ffmpeg, run};
use live::sound::{OggReader, OggWriter, adts, opus_samples};

#[test]
fn packets_of_opus_survive_ffmpeg_s_ogg_and_ours() {
    let bench = Bench::new();
    let path = bench.source("tone.opus", 3, "-map 1:a -c:a libopus -b:a 64k -f ogg");
    let mut reader = OggReader::new();
    let mut packets = Vec::new();
    for part in std::fs::read(&path).unwrap().chunks(100) {
        packets.extend(reader.push(part).unwrap());
    }
    assert_eq!(reader.skip(), 312);
    let samples: u32 = packets.iter().map(|packet| opus_samples(packet).unwrap()).sum();
    assert!((144_000..147_000).contains(&samples), "{samples}");
    let (mut writer, mut file) = (OggWriter::new(1).0, OggWriter::new(1).1.to_vec());
    for packet in &packets {
        file.extend_from_slice(&writer.packet(packet, opus_samples(packet).unwrap()));
    }
    let written = bench.path("written.opus");
    std::fs::write(&written, file).unwrap();
    let decoded = run(ffmpeg().arg("-i").arg(&written).args(["-f", "s16le", "-"])).stdout;
    assert_eq!(
        decoded.len(),
        usize::try_from(samples).unwrap() * 2,
        "no sample is skipped"
    );
}

#[test]
fn packets_of_aac_survive_ffmpeg_s_flv_and_our_adts() {
    let bench = Bench::new();
    let path = bench.source("tone.flv", 3, "-map 1:a -c:a aac -f flv");
    let mut reader = live::flv::FlvReader::new();
    let frames: Vec<live::Frame> = crate::flv::tags(&path)
        .iter()
        .filter_map(|tag| reader.push(tag).unwrap())
        .collect();
    let live::Format::Aac { config } = &*frames[0].format else {
        panic!("{:?}", frames[0].format);
    };
    let file: Vec<u8> = frames
        .iter()
        .flat_map(|frame| adts(config, &frame.data).unwrap())
        .collect();
    let written = bench.path("written.aac");
    std::fs::write(&written, file).unwrap();
    let decoded = run(ffmpeg().arg("-i").arg(&written).args(["-f", "s16le", "-"])).stdout;
    assert_eq!(decoded.len(), frames.len() * 1_024 * 2);
}
