//! Lists that come in pages. The links in the answers are not followed: they name whatever host the request named, encoded anew with
//! each page.

use serde::Deserialize;
use serde_json::Value;

use super::{Monasca, MonascaError};

/// What one answer holds at most.
const PAGE: usize = 1000;

/// A project has a handful; a list without end is a fault.
const MOST_PAGES: usize = 100;

#[derive(Deserialize)]
struct Page {
    elements: Vec<Value>,
}

impl Monasca {
    /// Every element below `path`, as raw JSON.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Value>, MonascaError> {
        let mut all: Vec<Value> = Vec::new();
        let (limit, mut offset) = (PAGE.to_string(), String::new());
        for _ in 0..MOST_PAGES {
            let mut query = vec![("limit", limit.as_str())];
            if !offset.is_empty() {
                query.push(("offset", &offset));
            }
            let page: Page = self.get(&[path], &query).await?;
            let full = page.elements.len() >= PAGE;
            let last = page.elements.last().and_then(|element| element["id"].as_str()).map(str::to_owned);
            // Some versions page by number and begin again at the same place.
            let news: Vec<Value> =
                page.elements.into_iter().filter(|one| !all.iter().any(|known| known["id"] == one["id"])).collect();
            if news.is_empty() {
                return Ok(all);
            }
            all.extend(news);
            match last {
                Some(last) if full => offset = last,
                _ => return Ok(all),
            }
        }
        Ok(all)
    }
}
