//! A few values in a row, kept in place: a state is copied millions of times.

/// A few values in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Few<T, const N: usize>([Option<T>; N]);

impl<T: Copy, const N: usize> Few<T, N> {
    pub fn new() -> Self {
        Self([None; N])
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().flatten()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flatten()
    }

    pub fn len(&self) -> usize {
        self.iter().count()
    }

    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    pub fn push(&mut self, value: T) {
        let place = self.len();
        assert!(place < N, "the world has no room for one more");
        self.0[place] = Some(value);
    }

    pub fn remove(&mut self, place: usize) -> T {
        let value = self.0[place].take().expect("something is there");
        self.0[place..].rotate_left(1);
        value
    }

    pub fn at(&self, place: usize) -> &T {
        self.0[place].as_ref().expect("something is there")
    }

    pub fn at_mut(&mut self, place: usize) -> &mut T {
        self.0[place].as_mut().expect("something is there")
    }
}

impl<T: Copy + Ord, const N: usize> Few<T, N> {
    pub fn sort(&mut self) {
        let length = self.len();
        self.0[..length].sort_unstable();
    }
}
