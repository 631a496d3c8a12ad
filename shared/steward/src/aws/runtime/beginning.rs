//! Keeping only the beginning of a large answer.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextMut, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use bytes::Bytes;
use http_body::{Body, Frame};

/// Keeps the first `limit` bytes of an answer with a 2xx status. The SDK would collect all of it, up to 25 MB for each of
/// the many that a sweep asks at the same time. The rest is still read, because the latency of an answer includes it.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    limit: usize,
    cut: Arc<AtomicBool>,
}

impl Beginning {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            cut: Arc::default(),
        }
    }

    /// Something was left out.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Beginning {
    fn name(&self) -> &'static str {
        "BeginningOfAnswer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Cut {
                body,
                left: self.limit,
                cut: self.cut.clone(),
            });
        }
        Ok(())
    }
}

/// A body of which no more than `left` bytes are handed on.
struct Cut {
    body: SdkBody,
    left: usize,
    cut: Arc<AtomicBool>,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let frame = match ready!(Body::poll_frame(Pin::new(&mut self.body), cx)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let mut data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            if data.len() > self.left {
                self.cut.store(true, Ordering::Relaxed);
                data.truncate(self.left);
            }
            self.left -= data.len();
            if !data.is_empty() {
                // A copy, so that a little that is kept does not hold on to much that is not.
                return Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&data)))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::byte_stream::ByteStream;

    use super::*;

    #[tokio::test]
    async fn no_more_than_the_limit_of_a_body_is_kept_and_it_is_known_that_there_was_more() {
        for (length, kept, more) in [
            (0, 0, false),
            (9, 9, false),
            (10, 10, false),
            (11, 10, true),
            (100, 10, true),
        ] {
            let cut = Arc::new(AtomicBool::new(false));
            let body = Cut {
                body: SdkBody::from(vec![7; length]),
                left: 10,
                cut: cut.clone(),
            };
            let read = ByteStream::new(SdkBody::from_body_1_x(body)).collect().await;
            assert_eq!(read.expect("a body").into_bytes().len(), kept, "{length}");
            assert_eq!(cut.load(Ordering::Relaxed), more, "{length}");
        }
    }
}
