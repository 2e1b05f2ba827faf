//! ISO base media files: reads MP4 and MOV, indexes their samples, writes CMAF segments.
