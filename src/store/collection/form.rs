//! One of two forms, told apart by the lowest bit of the pointer to it: a collection is small, which
//! is a blob of bytes, or large, which is a structure of its own.
#![allow(unsafe_code)] // a pointer with a mark in it cannot be written without

use std::fmt::Debug;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::blob::{ALIGN, Blob};
use super::fields::Fields;
use super::integers::Integers;
use super::packed::Packed;

/// As small as a pointer.
pub(super) struct Form<S: Small, L>(NonNull<u8>, PhantomData<(S, Box<L>)>);

// SAFETY: a Form owns what it points to alone.
unsafe impl<S: Small + Send, L: Send> Send for Form<S, L> {}

/// What is a [`Blob`] and nothing else. Only this file implements it, as a `Form` relies on that.
pub(super) trait Small: Clone + Debug + Default {}

impl Small for Fields {}
impl Small for Packed {}
impl Small for Integers {}

const _: () = assert!(size_of::<Fields>() == size_of::<Blob>());
const _: () = assert!(size_of::<Packed>() == size_of::<Blob>());
const _: () = assert!(size_of::<Integers>() == size_of::<Blob>());
const _: () = assert!(ALIGN > LARGE);

/// The mark of the large form.
const LARGE: usize = 1;

/// A form, to look at.
#[derive(Debug)]
pub(super) enum Look<'a, S, L> {
    Small(&'a S),
    Large(&'a L),
}

/// A form, to change.
pub(super) enum Touch<'a, S, L> {
    Small(&'a mut S),
    Large(&'a mut L),
}

impl<S: Small, L> Form<S, L> {
    pub(super) fn small(small: S) -> Self {
        let small = ManuallyDrop::new(small);
        // SAFETY: it is a blob and nothing else, which is a pointer; it is owned here from now on.
        Self(unsafe { (&raw const small).cast::<NonNull<u8>>().read() }, PhantomData)
    }

    pub(super) fn large(large: Box<L>) -> Self {
        const { assert!(align_of::<L>() > LARGE) };
        let marked = Box::into_raw(large).cast::<u8>().map_addr(|address| address | LARGE);
        // SAFETY: the address of a box is not null, and less so with a mark.
        Self(unsafe { NonNull::new_unchecked(marked) }, PhantomData)
    }

    #[inline]
    pub(super) fn look(&self) -> Look<'_, S, L> {
        // SAFETY: without the mark, what stands here is what `small` took, and with it, the pointer
        // is the one that `large` marked. Both are borrowed for as long as the form is.
        unsafe {
            match self.unmarked() {
                None => Look::Small(&*(&raw const self.0).cast::<S>()),
                Some(large) => Look::Large(&*large),
            }
        }
    }

    #[inline]
    pub(super) fn touch(&mut self) -> Touch<'_, S, L> {
        // SAFETY: as in `look`, and `&mut self` is the only way to them.
        unsafe {
            match self.unmarked() {
                None => Touch::Small(&mut *(&raw mut self.0).cast::<S>()),
                Some(large) => Touch::Large(&mut *large),
            }
        }
    }

    /// The pointer to the large form, if it is that.
    #[inline]
    fn unmarked(&self) -> Option<*mut L> {
        let pointer = self.0.as_ptr();
        let is_large = pointer.addr() & LARGE != 0;
        is_large.then(|| pointer.map_addr(|address| address & !LARGE).cast())
    }
}

impl<S: Small, L> Drop for Form<S, L> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `look`; nothing refers to either any more.
        unsafe {
            match self.unmarked() {
                None => (&raw mut self.0).cast::<S>().drop_in_place(),
                Some(large) => drop(Box::from_raw(large)),
            }
        }
    }
}

impl<S: Small, L> Default for Form<S, L> {
    #[inline]
    fn default() -> Self {
        Self::small(S::default())
    }
}

impl<S: Small, L: Clone> Clone for Form<S, L> {
    fn clone(&self) -> Self {
        match self.look() {
            Look::Small(small) => Self::small(small.clone()),
            Look::Large(large) => Self::large(Box::new(large.clone())),
        }
    }
}

impl<S: Small, L: Debug> Debug for Form<S, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.look().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::element::Element;
    use super::*;

    type Texts = Form<Packed, Vec<Rc<str>>>;

    fn small() -> Texts {
        let mut packed = Packed::default();
        packed.push(&[Element::new(b"text")]);
        Texts::small(packed)
    }

    #[test]
    fn each_form_comes_back_as_it_was() {
        assert_eq!(size_of::<Texts>(), size_of::<usize>());
        let form = small();
        for form in [form.clone(), form] {
            assert!(matches!(form.look(), Look::Small(packed) if packed.len() == 1));
        }
        let text = Rc::<str>::from("text");
        let mut form = Texts::large(Box::new(vec![Rc::clone(&text)]));
        let Touch::Large(texts) = form.touch() else { panic!("it is large") };
        texts.push(Rc::clone(&text));
        let copy = form.clone();
        assert!(matches!(copy.look(), Look::Large(texts) if texts.len() == 2));
        assert_eq!(Rc::strong_count(&text), 5);
        form = small();
        assert!(matches!(form.look(), Look::Small(_)));
        drop(copy);
        assert_eq!(Rc::strong_count(&text), 1, "the large ones are gone");
    }
}
