//! Every check stops a run whose sums do not agree, and names the difference.

use streamledger_storage::layout::ledger::PartitionEntry;

use super::*;

/// A ledger with a statement of 2 lines, 9 units and 1.25 euros, and its tables.
fn manifest() -> Manifest {
    let sales = "sales/store=deezer/month=2026-09";
    let file = |rows: u64| serde_json::json!([{ "name": "a.parquet", "rows": rows, "size_bytes": 1, "blake3": "" }]);
    let totals = serde_json::json!({ "units": 9, "amounts": { "EUR": "1.25" } });
    serde_json::from_value(serde_json::json!({
        "manifest_version": 3, "snapshot": 1, "listener_key": "", "reports": { "deezer/aa": {
            "store": "deezer", "id": "b".repeat(64), "hash": "a".repeat(64), "feed": "sales", "format": "x",
            "files": ["deezer/statement.tsv"], "archived": null, "reading": "", "state": "active",
            "reason": null, "days": {}, "first_date": null, "last_date": null,
            "counts": { "rows": 2, "quarantined": 0, "bad_isrc": 0, "bad_upc": 0,
                "bad_territory": 0, "aliased_territory": 0, "unmapped_tier": 0 },
            "lines": { sales: 2 }, "totals": { sales: totals },
        } },
        "empty_tables": {},
        "partitions": {
            sales: { "fingerprint": "", "files": file(2) },
            "sales_monthly/store=deezer/month=2026-09":
                { "fingerprint": "", "files": file(1), "totals": totals },
        },
    }))
    .unwrap()
}

fn monthly(manifest: &mut Manifest) -> &mut PartitionEntry {
    manifest.partitions.get_mut("sales_monthly/store=deezer/month=2026-09").unwrap()
}

fn entry(change: impl Fn(&mut Manifest)) -> String {
    let mut manifest = manifest();
    change(&mut manifest);
    check_manifest(&manifest).map_or_else(|error| error.to_string(), |()| String::new())
}

#[test]
fn sums_that_agree_are_published() {
    assert_eq!(entry(|_| ()), "");
}

#[test]
fn units_and_money_of_a_month_are_those_of_its_reports() {
    let of = |units, amount: &str| {
        let amounts = [("EUR".to_owned(), amount.to_owned())].into();
        entry(move |manifest| {
            monthly(manifest).totals =
                Some(MonthTotalsRecord { units, amounts: BTreeMap::clone(&amounts) });
        })
    };
    assert_eq!(of(9, "1.25"), "");
    assert_eq!(
        of(8, "1.25"),
        "nothing was published, since the sums do not agree: \
         sales_monthly/store=deezer/month=2026-09 has 8 units, its reports have 9"
    );
    assert!(of(9, "1.250000000001").ends_with("has 1.250000000001 EUR, its reports have 1.25"));
    assert!(of(9, "much").contains("`much` EUR, which is no amount"));
    let none = entry(|manifest| monthly(manifest).totals = None);
    assert!(none.ends_with("has 0 units, its reports have 9"), "{none}");
}

#[test]
fn money_in_a_currency_that_no_report_has_is_a_difference() {
    let found = entry(|manifest| {
        let totals = monthly(manifest).totals.as_mut().unwrap();
        totals.amounts.insert("USD".to_owned(), "0.5".to_owned());
    });
    assert!(found.ends_with("has 0.5 USD, its reports have no"), "{found}");
}

#[test]
fn a_row_too_few_or_a_partition_too_few_is_a_difference() {
    let sales = "sales/store=deezer/month=2026-09";
    let few = entry(|manifest| manifest.partitions.get_mut(sales).unwrap().files[0].rows = 1);
    assert!(few.ends_with("has 1 rows, its reports have 2"), "{few}");
    let none = entry(|manifest| drop(manifest.partitions.remove(sales)));
    assert!(none.ends_with("is missing, its reports have 2 rows"), "{none}");
    let lost = entry(|manifest| {
        let report = manifest.reports.values_mut().next().unwrap();
        report.counts.as_mut().unwrap().rows = 3;
    });
    assert!(lost.contains("of which 2 were ingested and 0 quarantined"), "{lost}");
}

#[test]
fn a_waterfall_holds_the_plays_and_units_of_the_other_tables() {
    let sums = WaterfallSums { reported: 9, counted: 7, paid: 5 };
    let told = |tables| {
        let result = check_waterfall("waterfall/store=x/month=2026-09", sums, tables);
        result.map_or_else(|error| error.to_string(), |()| String::new())
    };
    assert_eq!(told(sums), "");
    let plays = told(WaterfallSums { reported: 8, ..sums });
    assert!(plays.ends_with("has 9 reported plays, trends_daily has 8"), "{plays}");
    let counted = told(WaterfallSums { counted: 8, ..sums });
    assert!(counted.ends_with("has 7 counted plays, trends_daily has 8"), "{counted}");
    let paid = told(WaterfallSums { paid: 6, ..sums });
    assert!(paid.ends_with("has 5 paid units, sales has 6"), "{paid}");
}

#[test]
fn a_date_of_trends_holds_the_plays_that_were_judged() {
    assert!(check_day("plays/x", 3, 3).is_ok());
    let found = check_day("plays/x", 3, 4).unwrap_err().to_string();
    assert!(found.ends_with("plays/x has 3 plays, trends_daily has 4 of them"), "{found}");
}

#[test]
fn sums_beyond_64_bits_and_amounts_beyond_10_20_are_read_back() {
    let (units, amount) = (i128::from(i64::MAX) * 4, "100000000000000000000.5");
    let both = |units: i128, amount: &str| {
        entry(|manifest| {
            let amounts = [("EUR".to_owned(), amount.to_owned())].into();
            let totals = MonthTotalsRecord { units, amounts };
            monthly(manifest).totals = Some(totals.clone());
            let report = manifest.reports.get_mut("deezer/aa").unwrap();
            report.totals.insert("sales/store=deezer/month=2026-09".to_owned(), totals);
            let text = serde_json::to_string(&manifest).unwrap();
            *manifest = serde_json::from_str(&text).unwrap();
        })
    };
    assert_eq!(both(units, amount), "");
    assert_eq!(both(i128::MAX, &format!("-{amount}")), "");
}
