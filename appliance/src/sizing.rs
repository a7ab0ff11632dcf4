//! Memory for Java and MariaDB from the box's RAM, as systemd drop-ins. Pure; the generator writes them.

/// What a box of one size gets, MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Java's heap.
    pub heap_mib: u64,
    /// Java's class memory.
    pub metaspace_mib: u64,
    /// What openmrs.service may take in all.
    pub openmrs_max_mib: u64,
    /// InnoDB's buffer pool.
    pub pool_mib: u64,
}

/// MemTotal (MiB) of boxes sold as 2, 4, 8, 16 GB, about 7 % less than printed; heap, class memory and pool for each.
/// 4 and 8 GB are a proposal from runs of OpenMRS 2.8.9 (Java 440-550 MB RSS without modules, real sites run 25; MariaDB 135-360 MB with a
/// 128 MB pool); above, the pool grows rather than the heap: the serial collector stops the clinic longer on a large one.
const CLASSES: [(u64, [u64; 3]); 4] = [
    (1800, [512, 256, 128]),
    (3700, [1024, 384, 512]),
    (7600, [2304, 512, 1792]),
    (15500, [4096, 640, 5632]),
];
/// Java's memory besides heap and classes: code, threads, direct buffers (265-280 MB measured without modules).
const OFF_HEAP_MIB: u64 = 435;

/// Sizes for a box with this much RAM; between two classes in proportion, outside them as the nearest.
#[must_use]
pub fn sizes(mem_total_mib: u64) -> Sizes {
    let [heap_mib, metaspace_mib, pool_mib] = between(mem_total_mib);
    // InnoDB takes its pool in chunks; a round figure is also easier to read over the phone.
    let round = |mib: u64| mib / 64 * 64;
    let (heap_mib, pool_mib) = (round(heap_mib), round(pool_mib));
    Sizes {
        heap_mib,
        metaspace_mib,
        openmrs_max_mib: heap_mib + metaspace_mib + OFF_HEAP_MIB,
        pool_mib,
    }
}

fn between(mem: u64) -> [u64; 3] {
    let mut below = CLASSES[0];
    for above in CLASSES {
        if mem <= above.0 {
            let width = (above.0 - below.0).max(1);
            let part = mem.max(below.0) - below.0;
            let mut values = below.1;
            for (value, top) in values.iter_mut().zip(above.1) {
                *value += (top - *value) * part / width;
            }
            return values;
        }
        below = above;
    }
    below.1
}

impl Sizes {
    /// `openmrs.service.d/50-size.conf`.
    #[must_use]
    pub fn openmrs_drop_in(&self, time_zone: &str) -> String {
        format!(
            "[Service]\nEnvironment=\"JAVA_SIZE=-Xmx{}m -XX:MaxMetaspaceSize={}m\" \"TZ={time_zone}\"\n\
             MemoryHigh={}M\nMemoryMax={}M\n",
            self.heap_mib,
            self.metaspace_mib,
            self.openmrs_max_mib - 64,
            self.openmrs_max_mib
        )
    }

    /// `mariadb.service.d/50-size.conf`.
    #[must_use]
    pub fn mariadb_drop_in(&self, time_zone: &str) -> String {
        format!(
            "[Service]\nEnvironment=POOL=--innodb-buffer-pool-size={}M \"TZ={time_zone}\"\n",
            self.pool_mib
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boxes_of_4_8_and_16_gb_get_the_proposed_sizes() {
        let four = sizes(3700);
        assert_eq!(
            (four.heap_mib, four.metaspace_mib, four.pool_mib),
            (1024, 384, 512)
        );
        assert_eq!(four.openmrs_max_mib, 1843);
        let eight = sizes(7700);
        assert!((2048..=2560).contains(&eight.heap_mib) && (1536..=2048).contains(&eight.pool_mib));
        assert_eq!(
            (sizes(15500).heap_mib, sizes(64_000).pool_mib),
            (4096, 5632)
        );
    }

    #[test]
    fn the_drop_ins_are_what_the_units_expect() {
        let sizes = sizes(3700);
        assert_eq!(
            sizes.openmrs_drop_in("Africa/Maputo"),
            "[Service]\nEnvironment=\"JAVA_SIZE=-Xmx1024m -XX:MaxMetaspaceSize=384m\" \"TZ=Africa/Maputo\"\n\
             MemoryHigh=1779M\nMemoryMax=1843M\n"
        );
        assert_eq!(
            sizes.mariadb_drop_in("UTC"),
            "[Service]\nEnvironment=POOL=--innodb-buffer-pool-size=512M \"TZ=UTC\"\n"
        );
    }

    proptest! {
        #[test]
        fn more_memory_never_gives_less_and_everything_fits(mem in 1000u64..70_000, more in 0u64..5000) {
            let (now, then) = (sizes(mem), sizes(mem + more));
            prop_assert!(now.heap_mib <= then.heap_mib && now.pool_mib <= then.pool_mib);
            // MariaDB besides its pool: 250 MB; kernel, journal, nginx, posto: 350 MB.
            if mem >= 3500 {
                prop_assert!(now.openmrs_max_mib + now.pool_mib * 11 / 10 + 600 <= mem, "{now:?}");
            }
        }
    }
}
