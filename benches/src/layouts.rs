//! Generated reports of several layouts: a row of the layout with varying recordings, people, numbers
//! and territories.

use std::path::Path;

use streamledger_core::ingest::dsr::head::{DsrMatch, match_head as match_dsr};
use streamledger_core::ingest::table::format::Feed;
use streamledger_core::ingest::table::head::{HeadMatch, match_head};
use streamledger_core::model::listener::ListenerKey;
use streamledger_core::normalize::dsr::reader::DsrReader;
use streamledger_core::normalize::sale_lines::SaleLines;
use streamledger_core::normalize::table::plays::context::PlaysContext;
use streamledger_core::normalize::table::reader::{TableContext, TableReader};
use streamledger_core::normalize::table::sales_reader::SalesContext;
use streamledger_pipeline::intake::config::PipelineSettings;

use crate::BLOCK_BYTES;

/// A layout: head, and a row in which `{i}` is a recording of 30,000, `{u}` a person of 100,000, `{n}` a
/// number, `{a}` decimals and `{t}` a territory.
struct Layout {
    format: &'static str,
    store: &'static str,
    head: &'static str,
    row: &'static str,
}

const LAYOUTS: [Layout; 12] = [
    Layout {
        format: "soundcloud-streams",
        store: "soundcloud",
        head: "reporting_start_date\tisrc\tcountry\ttrack_id\tclient_application\toperating_system\t\
               play_length\ttrack_favorited\ttrack_reposted_shared\n",
        row: "2024-12-01 17:{m}:10.{a}+00\tGBXY1{i}\t{t}\t9{i}\tapp\tios\t{n}\t0\t0\n",
    },
    Layout {
        format: "deezer-trends",
        store: "deezer",
        head: "Start Report\tEnd Report\tISRC\tArtist\tTitle\tAlbum\tUPC\tCountry\tNb of plays\tRoyalties\tService\t\
               Provider\tprovider_id\tLabel\tService_name\tTrack_duration\tPlay_percent\tCached_play\tContext_type\t\
               Playlist_Id\tPlaylist_name\tUser_id\tGender\tBirth_year\tDevice_type\tOS\n",
        row: "01-09-2026\t01-09-2026\tGBXY1{i}\tAn Artist\tA Title\tAn Album\t\t{t}\t1\t0\tFREE\tp\t1\tL\ts\t2{m}\t\
              {m}.5\t0\tplaylist\t{i}\tA Playlist\tuser{u}\t\t\tmobile\tios\n",
    },
    Layout {
        format: "uma",
        store: "uma",
        head: "reporting_start_date,reporting_end_date,isrc,artist,track_title,album_name,upc,number_of_plays,label_name,\
               service_name,user_product,track_length,play_percentage,cached_play,shuffle_play_on,repeat_play_on,\
               source_of_stream,playlist_id,playlist_name,user_id,user_country,gender,demo_bucket,device_type,\
               operating_system\n",
        row: "\"2026-09-01\",\"2026-09-01\",\"GBXY1{i}\",\"An Artist\",\"A Title\",\"An Album\",\"\",\"1\",\"L\",\"VK\",\
              \"paid\",\"1{m}\",\"{m}\",\"0\",\"0\",\"0\",\"feed\",\"\",\"\",\"user{u}\",\"{t}\",\"\",\"\",\"phone\",\"android\"\n",
    },
    Layout {
        format: "spotify-api-streams",
        store: "spotify",
        head: "",
        row: "{\"timestamp\":\"2026-09-01T10:{m}:00Z\",\"track_id\":\"T{i}\",\"isrc\":\"GBXY1{i}\",\"country\":\"{t}\",\
              \"customer_id\":\"user{u}\",\"access\":\"premium\",\"stream_length\":1{m},\"source\":\"playlist\",\
              \"discovery_flag\":null,\"completion_flag\":\"Y\"}\n",
    },
    Layout {
        format: "apple-music-amstreams",
        store: "apple_music",
        head: "Datestamp\tIngest Datestamp\tApple Identifier\tStorefront Name\tTime Bucket\tSubscription Type\t\
               Subscription Mode\tChannel Partner\tDevice Type\tSource of Stream\tContainer Type\tContainer Sub-Type\t\
               Container ID\tContainer Name\tEnd Reason Type\tOffline\tAudio Format\tStreams\n",
        row: "2026-09-28\t2026-10-01\t144{i}\t{t}\t1\tFamily\tPaid\t\t2\t1\t1\t0\t{i}\tA Playlist\t1\t0\t0\t{m}\n",
    },
    Layout {
        format: "spotify-track-for-streaming",
        store: "spotify",
        head: "Format version\tStart date\tEnd date\tSender\tRecipient\tDisclaimer\n4\t2026-06-01\t2026-06-30\tSpotify\t\
               Us\tConfidential\nCountry\tLabel\tProduct\tURI\tUPC\tEAN\tISRC\tTrack name\tArtist name\tComposer name\t\
               Album name\tQuantity\tPayable currency\tPayable\n",
        row: "{t}\tA Label\tP\tspotify:track:4uLU6hMCjMI75M1A2{i}\t\t\tGBXY1{i}\tA Title\tAn Artist\tN/A\tAn Album\t{n}\t\
              EUR\t0.{a}1234567890123{a}\n",
    },
    Layout {
        format: "apple-music-s1-2017",
        store: "apple_music",
        head: "Start Date\t10/01/2017\nEnd Date\t11/04/2017\nReport Type\tApple Music\nCurrency\tAUD\nStorefront Name\t\
               Apple Identifier\tMembership Type\tQuantity\tNet Royalty\tNet Royalty Total\tISRC\tItem_Title\t\
               Item_Artist\tItem Type\tMedia Type\tVendor Identifier\tOffline Indicator\tLabel/Studio/Network\tGrid\n",
        row: "{t}\t144{i}\tIndividual\t{m}\t.021330\t.{a}\tGBXY1{i}\tA Title\tAn Artist\t1\t1\tGBXY1{i}\t0\tA Label\t\n",
    },
    Layout {
        format: "youtube-subscription-music",
        store: "youtube",
        head: "Adjustment Type,Day,Country,Video ID,Video Channel ID,Asset ID,Asset Channel ID,Asset Title,Asset Labels,\
               Asset Type,Custom ID,ISRC,UPC,GRid,Artist,Album,Label,Claim Type,Content Type,Offer,Owned Views,\
               Monetized Views : Audio,Monetized Views : Audio Visual,Monetized Views,YouTube Revenue Split,\
               Partner Revenue : Pro Rata,Partner Revenue : Per Sub Min,Partner Revenue\n",
        row: "None,20260703,{t},v{i},UC123456,A{i},UC123456,\"A Title, remixed\",x|y,Sound Recording,,GBXY1{i},,,An Artist,\
              An Album,A Label,Audio,ATV,Family,{n},{m},1,{n},0.{a},0.1,0.{a},0.{a}\n",
    },
    Layout {
        format: "distrokid",
        store: "distrokid",
        head: "Reporting Date\tSale Month\tStore\tArtist\tTitle\tISRC\tUPC\tQuantity\tTeam Percentage\tSong/Album\t\
               Country of Sale\tSongwriter Royalties Withheld (USD)\tEarnings (USD)\n",
        row: "2026-10-14\t2026-07\tSpotify\tAn Artist\tA Title\tGBXY1{i}\t\t{n}\t100\tSong\t{t}\t0.00\t{m}.{a}{a}\n",
    },
    Layout {
        format: "believe",
        store: "believe",
        head: "Reporting month;Sales Month;Platform;Country / Region;Label Name;Artist Name;Release title;Track title;UPC;\
               ISRC;Release Catalog nb;Streaming Subscription Type;Release type;Sales Type;Quantity;\
               Client Payment Currency;Unit Price;Mechanical Fee;Gross Revenue;Client share rate;Net Revenue\n",
        row: "2026/09/01;2026/06/01;Deezer;{t};A Label;An Artist;A Release;A Title;;GBXY1{i};C1;Premium;Album;Stream;{n};\
              EUR;0,004;0;{m},04;0,8;{m},{a}\n",
    },
    Layout {
        format: "ddex-basic-audio",
        store: "spotify",
        head: "HEAD\tdsrf/1\tBasicAudioProfile\t1.4\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tStore\t\
               Premium\tQ\tUs\nSY01.03\tS1\t\t\tSubscriptionModel\tOnDemandStream\tDE\tPremium\t0\t7\tEUR\t1.5\n",
        row: "AS01.03\tB{u}\tA1\tdsp{i}\tGBXY1{i}\tA Title\t\tAn Artist\t\tPT3M\tSoundRecording\ttrue\n\
              SU02.03\tB{u}\tS1\tX\t\tA1\ttrue\t{n}\t\t\tOnDemandStream\t\n",
    },
    Layout {
        format: "ddex-ugc",
        store: "youtube",
        head: "HEAD\tdsrf/1\tUGCProfile\t1.0\tM\t2026-10-02T10:00:00Z\t1\t1\t2026-09-01\t2026-09-30\tP\tStore\tAds\tQ\tUs\n\
               SY02.01\tS1\t\t\tAdvertisementSupportedModel\tStream\tDE\tAds\t0\t7\tEUR\t1.5\tUs\n",
        row: "AS01\tB{u}\tA1\tdsp{i}\tGBXY1{i}\tA Title\t\tAn Artist\t\tPT0H0M0S\tSoundRecording\n\
              MW01.01\tB{u}\tW1\t\tA TITLE\t\tA WRITER|ANOTHER\n\
              SU03.01\tB{u}\tU1\tS1\tdsp{i}\t{n}\t{m}.{a}\t20260901\t20260930\n\
              LI01.01\tB{u}\tS1\tPUB\t\t\t1.0000\tPerformingRight\t0.0\t1.23\n",
    },
];

/// Names of the layouts of plays.
pub const PLAYS: [&str; 5] =
    ["soundcloud-streams", "deezer-trends", "uma", "spotify-api-streams", "apple-music-amstreams"];

/// Names of the layouts of statements.
pub const SALES: [&str; 7] = [
    "spotify-track-for-streaming",
    "apple-music-s1-2017",
    "youtube-subscription-music",
    "distrokid",
    "believe",
    "ddex-basic-audio",
    "ddex-ugc",
];

/// A report, and what reading it takes.
#[derive(Debug)]
pub struct Report {
    format: &'static str,
    store: &'static str,
    /// All of its text.
    pub text: Vec<u8>,
    settings: PipelineSettings,
}

impl Report {
    /// A report of about so many bytes.
    ///
    /// # Panics
    /// If there is no such layout, or the project's own settings cannot be read.
    #[must_use]
    pub fn generate(format: &str, n_bytes: usize) -> Self {
        let layout = LAYOUTS.iter().find(|layout| layout.format == format).expect("a layout");
        let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nightly.toml");
        let settings = PipelineSettings::load(&pipeline).expect("the project's own settings");
        let mut text = layout.head.to_owned();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % limit
        };
        let mut number = 0_u64;
        while text.len() < n_bytes {
            number += 1;
            let mut row = layout.row.replace("{i}", &format!("{:07}", below(30_000)));
            // A block of a DDEX report is one of its own; a person plays more than once.
            let person = if layout.format.starts_with("ddex") { number } else { below(100_000) };
            row = row.replace("{u}", &format!("{person:06}"));
            row = row.replace("{n}", &below(100_000).to_string());
            row = row.replace("{m}", &format!("{:02}", below(60)));
            row = row.replace("{a}", &format!("{:03}", below(1000)));
            let territory =
                ["DE", "US", "FR", "BR", "JP", "GB"][usize::try_from(below(6)).expect("6")];
            text += &row.replace("{t}", territory);
        }
        Self { format: layout.format, store: layout.store, text: text.into_bytes(), settings }
    }

    /// Reads it block by block as a run does; returns the rows that were ingested.
    ///
    /// # Panics
    /// If it is not read as its format.
    #[must_use]
    pub fn read(&self) -> u64 {
        let key = ListenerKey::new([7; 32]);
        let store = &self.settings.stores[self.store];
        let territories = &self.settings.territories;
        if self.format.starts_with("ddex") {
            let DsrMatch::Yes(head) = match_dsr(&self.text, "renamed.tsv") else {
                unreachable!("{}", self.format)
            };
            let mut reader = DsrReader::new(*head, store, territories);
            let mut n_rows = 0;
            self.blocks(0, |block| {
                reader.read_block(block);
                n_rows +=
                    reader.take_lot().sales.values().map(|rows| rows.len() as u64).sum::<u64>();
            });
            return n_rows;
        }
        let format = &self.settings.formats[self.format];
        let HeadMatch::Yes(bound) = match_head(format, &self.text[..BLOCK_BYTES], "report.txt")
        else {
            unreachable!("{}", self.format)
        };
        let sales =
            SalesContext { store: &store.store, stores: &self.settings.stores, territories };
        let context = match format.feed {
            Feed::Trends => {
                TableContext::Plays(PlaysContext { store, territories, key: &key, wanted: None })
            }
            _ => TableContext::Sales(sales),
        };
        let rows_start = bound.rows_start;
        let mut reader = TableReader::new(format, *bound, context);
        let mut n_rows = 0;
        let mut n_blocks = 0;
        self.blocks(rows_start, |block| {
            reader.read_block(block);
            n_blocks += 1;
            // As often as a run does, which seals what it has read at some tens of megabytes.
            if n_blocks % 128 == 0 {
                n_rows += taken(&mut reader);
            }
        });
        reader.end();
        n_rows + taken(&mut reader)
    }

    fn blocks(&self, start: usize, mut take: impl FnMut(&[u8])) {
        let mut rest = &self.text[start..];
        while BLOCK_BYTES < rest.len() {
            let feed = memchr::memrchr(b'\n', &rest[..BLOCK_BYTES]).expect("lines are short");
            let (block, more) = rest.split_at(feed + 1);
            take(block);
            rest = more;
        }
        take(rest);
    }
}

fn taken(reader: &mut TableReader<'_>) -> u64 {
    let pieces = reader.take_pieces();
    let n_plays: usize = pieces.values().flat_map(|piece| &piece.rows).map(Vec::len).sum();
    let n_lines: usize = reader.take_lot().sales.values().map(SaleLines::len).sum();
    (n_plays + n_lines) as u64
}
