//! A transaction in etcd's words, and its answer.

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, Error, GetOptions, GetResponse, KvClient,
    PutOptions, Txn as EtcdTxn, TxnOp, TxnOpResponse,
};
use userdata_pool::{Answer, Page, Pair, Request, Revision, Span, Txn};

/// The longest answer in bytes. The pool asks for one value, of which etcd takes up to 1.5 MiB, or
/// for a page of 5 000 records, each of which has less than 1 KiB.
const ANSWER_MAX: usize = 8 << 20;

/// Whether a transaction changes something if its compares hold.
pub(crate) fn changes(txn: &Txn) -> bool {
    let reads = |request: &Request| matches!(request, Request::Range { .. });
    !txn.requests.iter().all(reads)
}

/// Sends a transaction; `stale` reads need no quorum.
pub(crate) async fn send(client: Client, txn: &Txn, stale: bool) -> Result<Answer, Error> {
    let mut client: KvClient = client.kv_client().max_decoding_message_size(ANSWER_MAX);
    if let (
        true,
        [
            Request::Range {
                span,
                values,
                limit,
            },
        ],
    ) = (txn.compares.is_empty(), txn.requests.as_slice())
    {
        let options = range_options(span, *values, *limit, txn.at, stale);
        let answer = client.get(span.from.as_slice(), Some(options)).await?;
        return Ok(Answer {
            revision: answer.header().map_or(0, |header| header.revision()),
            made: true,
            found: vec![page(answer)],
        });
    }
    let answer = client.txn(translate(txn, stale)).await?;
    let found = answer.op_responses().into_iter().filter_map(|response| {
        let TxnOpResponse::Get(found) = response else {
            return None;
        };
        Some(page(found))
    });
    Ok(Answer {
        revision: answer.header().map_or(0, |header| header.revision()),
        made: answer.succeeded(),
        found: found.collect(),
    })
}

fn translate(txn: &Txn, stale: bool) -> EtcdTxn {
    let compare = |compare: &userdata_pool::Compare| {
        Compare::mod_revision(compare.key.as_slice(), CompareOp::Equal, compare.revision)
    };
    let op = |request: &Request| match request {
        Request::Range {
            span,
            values,
            limit,
        } => {
            let options = range_options(span, *values, *limit, txn.at, stale);
            TxnOp::get(span.from.as_slice(), Some(options))
        }
        Request::Put { key, value, lease } => {
            let options = lease.map(|lease| PutOptions::new().with_lease(lease.0));
            TxnOp::put(key.as_slice(), value.as_slice(), options)
        }
        Request::Delete { span } => {
            let options = span
                .to
                .as_ref()
                .map(|to| DeleteOptions::new().with_range(to.as_slice()));
            TxnOp::delete(span.from.as_slice(), options)
        }
    };
    EtcdTxn::new()
        .when(txn.compares.iter().map(compare).collect::<Vec<_>>())
        .and_then(txn.requests.iter().map(op).collect::<Vec<_>>())
}

fn range_options(
    span: &Span,
    values: bool,
    limit: Option<usize>,
    at: Option<Revision>,
    stale: bool,
) -> GetOptions {
    let mut options = GetOptions::new();
    if let Some(to) = &span.to {
        options = options.with_range(to.as_slice());
    }
    if !values {
        options = options.with_keys_only();
    }
    if let Some(limit) = limit {
        options = options.with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
    }
    if let Some(at) = at {
        options = options.with_revision(at);
    }
    if stale {
        options = options.with_serializable();
    }
    options
}

fn page(mut found: GetResponse) -> Page {
    let pair = |found: etcd_client::KeyValue| {
        let (revision, leased) = (found.mod_revision(), found.lease() != 0);
        let (key, value) = found.into_key_value();
        Pair {
            key,
            value,
            revision,
            leased,
        }
    };
    Page {
        more: found.more(),
        pairs: found.take_kvs().into_iter().map(pair).collect(),
    }
}
