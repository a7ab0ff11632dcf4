//! A small erofs image as mkfs.erofs lays it out: a root directory, one directory below, files with blocks and tails.

const BLOCK: usize = 4096;
/// Inodes are told by numbers of 32 bytes; the first one here lies behind the superblock.
const FIRST: usize = 36;
const ROOM: usize = 136;

struct Image {
    bytes: Vec<u8>,
    inodes: usize,
}

impl Image {
    /// A compact inode with its tail behind it; its number.
    fn inode(&mut self, mode: u16, content: &[u8], inline: bool) -> u64 {
        let nid = FIRST + self.inodes * ROOM;
        self.inodes += 1;
        let whole = if inline {
            content.len() / BLOCK * BLOCK
        } else {
            content.len().next_multiple_of(BLOCK)
        };
        let block = if whole == 0 {
            u32::MAX
        } else {
            let at = self.bytes.len();
            let mut blocks = content[..whole.min(content.len())].to_vec();
            blocks.resize(whole, 0);
            self.bytes.extend(blocks);
            (at / BLOCK) as u32
        };
        let mut inode = Vec::new();
        for field in [if inline { 4 } else { 0_u16 }, 0, mode, 1] {
            inode.extend(field.to_le_bytes());
        }
        for field in [content.len() as u32, 0, block, self.inodes as u32, 0, 0] {
            inode.extend(field.to_le_bytes());
        }
        inode.extend(content.get(whole..).unwrap_or_default());
        assert!(inode.len() <= ROOM * 32);
        self.bytes[nid * 32..nid * 32 + inode.len()].copy_from_slice(&inode);
        nid as u64
    }

    fn directory(&mut self, entries: &[(u64, &str)]) -> u64 {
        let (mut heads, mut names) = (Vec::new(), Vec::<u8>::new());
        for (nid, name) in entries {
            heads.extend(nid.to_le_bytes());
            heads.extend(((entries.len() * 12 + names.len()) as u16).to_le_bytes());
            heads.extend([0, 0]);
            names.extend(name.as_bytes());
        }
        heads.extend(names);
        self.inode(0o040_755, &heads, true)
    }
}

/// The image of these files: path below `d/`, content, and whether its tail lies behind the inode.
pub(crate) fn erofs(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let inode_bytes = (FIRST + ROOM * (files.len() + 2)) * 32;
    let mut image = Image {
        bytes: vec![0; inode_bytes.next_multiple_of(BLOCK)],
        inodes: 0,
    };
    let entries: Vec<(u64, &str)> = files
        .iter()
        .map(|(name, content, inline)| (image.inode(0o100_644, content, *inline), *name))
        .collect();
    let below = image.directory(&entries);
    let root = image.directory(&[(below, "d")]);
    let bytes = &mut image.bytes;
    bytes[1024..1028].copy_from_slice(&0xe0f5_e1e2_u32.to_le_bytes());
    bytes[1036] = 12;
    bytes[1038..1040].copy_from_slice(&(root as u16).to_le_bytes());
    image.bytes
}
