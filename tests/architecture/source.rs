//! Rust source as words and texts: without comments, and without what is compiled for tests only.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One piece of a source file.
#[derive(Debug, PartialEq)]
pub struct Token {
    pub line: usize,
    pub piece: Piece,
}

#[derive(Debug, PartialEq)]
pub enum Piece {
    /// An identifier or keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other sign.
    Sign(char),
    /// A string literal, with its quotes.
    Text(String),
}

/// The tokens of `source`.
pub fn tokens(source: &str) -> Vec<Token> {
    let stream: TokenStream = source.parse().unwrap_or_else(|error| panic!("not Rust: {error}"));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        if let Some(attribute) = attribute(&trees, at) {
            at += 2;
            if attribute.starts_with("cfg (test)") || attribute.starts_with("cfg(test)") {
                at = after_item(&trees, at);
            } else if !attribute.starts_with("doc") {
                flatten(attribute.parse().unwrap(), tokens);
            }
            continue;
        }
        let tree = &trees[at];
        let line = tree.span().start().line;
        let mut push = |piece| tokens.push(Token { line, piece });
        match tree {
            TokenTree::Ident(word) => push(Piece::Word(word.to_string())),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    push(Piece::Text(text));
                }
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint => {
                push(Piece::Path);
                // The second colon.
                at += 1;
            }
            TokenTree::Punct(sign) => push(Piece::Sign(sign.as_char())),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                push(Piece::Sign(open));
                flatten(group.stream(), tokens);
                tokens.push(Token { line: group.span_close().start().line, piece: Piece::Sign(close) });
            }
        }
        at += 1;
    }
}

/// What stands in the attribute that begins at `at`, if one does.
fn attribute(trees: &[TokenTree], at: usize) -> Option<String> {
    match (trees.get(at)?, trees.get(at + 1)?) {
        (TokenTree::Punct(sign), TokenTree::Group(group))
            if sign.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group.stream().to_string())
        }
        _ => None,
    }
}

/// The place after the item that begins at `at`: after its braces or its semicolon.
fn after_item(trees: &[TokenTree], mut at: usize) -> usize {
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            TokenTree::Punct(sign) if sign.as_char() == ';' => break,
            _ => {}
        }
    }
    at
}

/// Lines in which the words of `path` (such as `Utc::now` or `rusqlite`) follow each other.
pub fn lines_with(tokens: &[Token], path: &str) -> Vec<usize> {
    let wanted: Vec<&str> = path.split("::").collect();
    let length = 2 * wanted.len() - 1;
    let matches = |window: &&[Token]| {
        window.iter().enumerate().all(|(n, token)| match &token.piece {
            Piece::Path => n % 2 == 1,
            Piece::Word(word) => n % 2 == 0 && word == wanted[n / 2],
            _ => false,
        })
    };
    tokens.windows(length).filter(matches).map(|window| window[0].line).collect()
}

#[test]
fn comments_and_test_modules_are_left_out_and_texts_are_kept() {
    let source = r##"
        //! tokio in a comment
        use std::time::Instant; // reqwest
        /// rusqlite in a doc comment
        #[serde(rename = "x")]
        fn f() { let t = r#"SELECT "1""#; Instant::now(); }
        #[cfg(test)]
        mod tests { fn g() { actix::run(); } }
        #[cfg(test)]
        mod others;
        fn h() {}
    "##;
    let tokens = tokens(source);
    for absent in ["tokio", "reqwest", "rusqlite", "actix", "others"] {
        assert_eq!(lines_with(&tokens, absent), Vec::<usize>::new(), "{absent}");
    }
    assert_eq!(lines_with(&tokens, "Instant::now"), [6]);
    assert_eq!(lines_with(&tokens, "Instant"), [3, 6]);
    assert_eq!(lines_with(&tokens, "h"), [11]);
    assert!(tokens.iter().any(|token| matches!(&token.piece, Piece::Text(text) if text.contains("SELECT"))));
}
